-- Health of a CronOMJob: whether the operator can follow its schedule. A run that failed is no fault of the CronOMJob, and a
-- suspended one does what it is told; both are said in the message and are healthy.
local status = obj.status
local health = {}

-- Health checks get no string library, so beginnings are compared as texts: up to the next letter of the alphabet.
local function begins(text, from, to)
  return text ~= nil and text >= from and text < to
end

if status == nil then
  health.status = "Progressing"
  health.message = "Waiting for the operator"
  return health
end

local observed = status.observedSchedule
if observed ~= nil and (observed.schedule ~= obj.spec.schedule or observed.timeZone ~= obj.spec.timeZone) then
  health.status = "Progressing"
  health.message = "Waiting for the operator to see the schedule"
elseif begins(status.message, "the schedule", "the schedulf") or begins(status.message, "the time zone", "the time zonf") then
  health.status = "Degraded"
  health.message = status.message
elseif obj.spec.suspend == true then
  health.status = "Healthy"
  health.message = "Suspended"
elseif status.lastScheduleTime ~= nil then
  health.status = "Healthy"
  health.message = "Last run at " .. status.lastScheduleTime .. ", last success: " .. (status.lastSuccessfulTime or "none")
else
  health.status = "Healthy"
  health.message = "Not run yet"
end
return health
