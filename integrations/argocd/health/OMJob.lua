-- Health of an OMJob. It is one run: that the operator has taken it up is all that a sync can wait for, and how it ends is
-- news about the run. So a failed run neither degrades its application nor holds up what is promoted after it. Where the
-- OMJob is a hook, somebody does wait for its end.
local status = obj.status or {}
local annotations = obj.metadata.annotations or {}
local is_hook = annotations["argocd.argoproj.io/hook"] ~= nil
local phase = status.phase

local health = {}
if phase == nil then
  health.status = "Progressing"
  health.message = "Waiting for the operator"
elseif is_hook and phase == "Failed" then
  health.status = "Degraded"
  health.message = status.message or phase
elseif is_hook and phase ~= "Succeeded" then
  health.status = "Progressing"
  health.message = status.message or phase
else
  health.status = "Healthy"
  health.message = phase
  if status.message ~= nil then
    health.message = phase .. ": " .. status.message
  end
end
return health
