//! Pod Security Standards, profile "restricted" of Kubernetes 1.36, on a pod template.
//!
//! In: an object, or a pod template (metadata and spec). Out: a warning for each setting that a
//! namespace which enforces the profile would refuse, at the line that sets it; what is missing is
//! shown at the container or pod that misses it. It is a warning because a namespace may enforce
//! less; what ompipe renders by itself passes, which tests hold.
//!
//! The rules are those of `k8s.io/pod-security-admission` v0.36; the comparison test asks that very
//! code.

use super::{Manifest, pod_templates};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Node, Span};

const VOLUME_SOURCES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

const SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

const SELINUX_TYPES: &[&str] =
    &["", "container_engine_t", "container_init_t", "container_kvm_t", "container_t"];

/// What "baseline" lets a container add.
const BASELINE_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The annotation that set a container's AppArmor profile before there was a field for it.
const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Checks every pod template of an object against the profile.
pub fn check(manifest: &Manifest, found: &mut Diagnostics) {
    // What is wrong with the merge of a `podTemplate` is the type check's to say.
    let mut elsewhere = Diagnostics::default();
    for template in pod_templates(manifest, &mut elsewhere) {
        check_template(&template, found);
    }
}

/// A profile, the strictest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Everything is allowed.
    Privileged,
    /// Nothing that gives a pod rights over its node.
    Baseline,
    /// What is known as best practice besides.
    Restricted,
}

impl Level {
    /// The level of a name, as labels of namespaces have it.
    pub fn find(name: &str) -> Option<Self> {
        let all = [Self::Privileged, Self::Baseline, Self::Restricted];
        all.into_iter().find(|level| level.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// The strictest profile that lets a pod template in.
pub fn level(template: &Node) -> Level {
    let mut found = Diagnostics::default();
    match check_template(template, &mut found) {
        false => Level::Privileged,
        true if found.is_empty() => Level::Restricted,
        true => Level::Baseline,
    }
}

/// Checks a pod template against the profile; whether "baseline" at least lets it in.
pub fn check_template(template: &Node, found: &mut Diagnostics) -> bool {
    let Some(spec) = template.get("spec") else {
        return true;
    };
    let mut checker = Checker {
        found,
        is_baseline: true,
        windows: spec.at_route(&["os", "name"]).and_then(Node::as_str) == Some("windows"),
        own_users: spec.get("hostUsers").and_then(Node::as_bool) == Some(false),
        pod_non_root: false,
        pod_seccomp: false,
    };
    checker.pod(template, spec);
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in entries(spec, kind) {
            checker.container(kind, container);
        }
    }
    checker.is_baseline
}

struct Checker<'a> {
    found: &'a mut Diagnostics,
    /// Whether all that was found is allowed by "baseline".
    is_baseline: bool,
    /// Windows pods have no capabilities, seccomp and privilege escalation to restrict.
    windows: bool,
    /// In a user namespace, root in the pod is nobody on the node.
    own_users: bool,
    pod_non_root: bool,
    pod_seccomp: bool,
}

impl Checker<'_> {
    fn pod(&mut self, template: &Node, spec: &Node) {
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            self.refuse_true(spec, &[field], "spec");
        }
        for volume in entries(spec, "volumes") {
            self.volume(volume);
        }
        for (key, value) in annotations(template) {
            let profile = value.as_str().unwrap_or_default();
            let allowed = profile.is_empty()
                || profile == "runtime/default"
                || profile.starts_with("localhost/");
            if key.starts_with(APPARMOR_ANNOTATION) && !allowed {
                self.refuse(
                    value.span,
                    "metadata.annotations",
                    "the AppArmor profile must be `runtime/default` or `localhost/…`",
                );
            }
        }
        let Some(context) = spec.get("securityContext") else {
            return;
        };
        self.shared(context, "spec.securityContext");
        self.pod_non_root = context.get("runAsNonRoot").and_then(Node::as_bool) == Some(true);
        self.pod_seccomp = seccomp_allowed(context) == Some(true);
        for sysctl in entries(context, "sysctls") {
            if let Some(name) = sysctl.get("name")
                && !is_one_of(name, SYSCTLS)
            {
                self.refuse(
                    name.span,
                    "spec.securityContext.sysctls",
                    "this sysctl is not one of the safe ones",
                );
            }
        }
    }

    /// What a pod's and a container's security context have in common.
    fn shared(&mut self, context: &Node, route: &str) {
        self.refuse_true(context, &["windowsOptions", "hostProcess"], route);
        if let Some(kind) = context.at_route(&["appArmorProfile", "type"])
            && !is_one_of(kind, &["RuntimeDefault", "Localhost"])
        {
            self.refuse(
                kind.span,
                route,
                "`appArmorProfile.type` must be RuntimeDefault or Localhost",
            );
        }
        if let Some(options) = context.get("seLinuxOptions") {
            if let Some(kind) = options.get("type")
                && !is_one_of(kind, SELINUX_TYPES)
            {
                self.refuse(
                    kind.span,
                    route,
                    "`seLinuxOptions.type` must be one of the container types",
                );
            }
            for field in ["user", "role"] {
                if let Some(value) = options.get(field)
                    && value.as_str() != Some("")
                {
                    self.refuse(
                        value.span,
                        route,
                        format!("`seLinuxOptions.{field}` must not be set"),
                    );
                }
            }
        }
        if !self.windows && seccomp_allowed(context) == Some(false) {
            let span = context
                .at_route(&["seccompProfile", "type"])
                .map_or(context.span, |kind| kind.span);
            self.refuse(span, route, "`seccompProfile.type` must be RuntimeDefault or Localhost");
        }
        if !self.own_users {
            if let Some(value) = context.get("runAsNonRoot")
                && value.as_bool() == Some(false)
            {
                self.warn(value.span, route, "`runAsNonRoot` must not be false");
            }
            if let Some(value) = context.get("runAsUser")
                && value.as_i64() == Some(0)
            {
                self.warn(value.span, route, "`runAsUser` must not be 0, which is root");
            }
        }
    }

    fn container(&mut self, kind: &str, container: &Node) {
        let name = container.get("name");
        let place = name.map_or(container.span, |name| name.span);
        let route = format!("spec.{kind}[{}]", name.and_then(Node::as_str).unwrap_or("?"));
        for port in entries(container, "ports") {
            if let Some(port) = port.get("hostPort")
                && port.as_i64() != Some(0)
            {
                self.refuse(port.span, &route, "`hostPort` must not be set");
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            self.no_other_host(container.get(probe), &route);
        }
        for hook in ["postStart", "preStop"] {
            self.no_other_host(container.at_route(&["lifecycle", hook]), &route);
        }
        let empty = Node::new(crate::tree::Mapping::new());
        let context = container.get("securityContext").unwrap_or(&empty);
        self.shared(context, &route);
        self.refuse_true(context, &["privileged"], &route);
        if let Some(mount) = context.get("procMount")
            && mount.as_str() != Some("Default")
        {
            self.refuse(mount.span, &route, "`procMount` must be Default");
        }
        if !self.own_users && !self.pod_non_root && context.get("runAsNonRoot").is_none() {
            self.warn(
                place,
                &route,
                "`runAsNonRoot: true` must be set, on the container or the pod",
            );
        }
        if self.windows {
            return;
        }
        if !self.pod_seccomp && context.get("seccompProfile").is_none() {
            self.warn(place, &route, "`seccompProfile` must be set, on the container or the pod");
        }
        match context.get("allowPrivilegeEscalation") {
            Some(value) if value.as_bool() == Some(false) => {}
            Some(value) => {
                self.warn(value.span, &route, "`allowPrivilegeEscalation` must be false");
            }
            None => self.warn(
                place,
                &route,
                "`securityContext.allowPrivilegeEscalation: false` must be set",
            ),
        }
        self.capabilities(context, place, &route);
    }

    fn capabilities(&mut self, context: &Node, place: Span, route: &str) {
        let capabilities = context.get("capabilities");
        let dropped = capabilities.and_then(|capabilities| capabilities.get("drop"));
        let items = dropped.and_then(Node::as_sequence).unwrap_or_default();
        if !items.iter().any(|item| item.as_str() == Some("ALL")) {
            let span = dropped.map_or(place, |dropped| dropped.span);
            self.warn(span, route, "`securityContext.capabilities.drop` must hold ALL");
        }
        for added in capabilities.into_iter().flat_map(|capabilities| entries(capabilities, "add"))
        {
            if added.as_str() != Some("NET_BIND_SERVICE") {
                self.is_baseline &= is_one_of(added, BASELINE_CAPABILITIES);
                self.warn(added.span, route, "`capabilities.add` may hold NET_BIND_SERVICE alone");
            }
        }
    }

    fn volume(&mut self, volume: &Node) {
        let Some(mapping) = volume.as_mapping() else {
            return;
        };
        if mapping.iter().any(|entry| VOLUME_SOURCES.contains(&entry.key.as_str())) {
            return;
        }
        let source = mapping.iter().find(|entry| entry.key != "name");
        self.is_baseline &= source.is_none_or(|entry| entry.key != "hostPath");
        let (span, what) = match source {
            Some(entry) => {
                (entry.key_span, format!("a volume must not be of the type `{}`", entry.key))
            }
            None => (volume.span, "a volume must have a source".to_owned()),
        };
        self.warn(span, "spec.volumes", what);
    }

    /// A probe or hook that asks another host than the pod makes the kubelet a proxy into the
    /// node's network.
    fn no_other_host(&mut self, handler: Option<&Node>, route: &str) {
        for action in ["httpGet", "tcpSocket"] {
            if let Some(host) = handler.and_then(|handler| handler.at_route(&[action, "host"]))
                && host.as_str() != Some("")
            {
                self.refuse(host.span, route, "a probe or hook must not name a `host`");
            }
        }
    }

    fn refuse_true(&mut self, within: &Node, path: &[&str], route: &str) {
        if let Some(value) = within.at_route(path)
            && value.as_bool() == Some(true)
        {
            self.refuse(value.span, route, format!("`{}` must not be true", path.join(".")));
        }
    }

    /// What "baseline" refuses too.
    fn refuse(&mut self, span: Span, route: &str, what: impl Into<String>) {
        self.is_baseline = false;
        self.warn(span, route, what);
    }

    fn warn(&mut self, span: Span, route: &str, what: impl Into<String>) {
        self.found.push(
            Diagnostic::warning(
                &code::POD_SECURITY,
                span,
                format!("Pod Security \"restricted\" refuses this pod: {}", what.into()),
            )
            .with_route(route),
        );
    }
}

/// Whether a context's seccomp profile is allowed; `None` when it sets none.
fn seccomp_allowed(context: &Node) -> Option<bool> {
    let profile = context.get("seccompProfile")?;
    Some(profile.get("type").is_some_and(|kind| is_one_of(kind, &["RuntimeDefault", "Localhost"])))
}

fn is_one_of(node: &Node, allowed: &[&str]) -> bool {
    node.as_str().is_some_and(|text| allowed.contains(&text))
}

fn entries<'n>(node: &'n Node, field: &str) -> &'n [Node] {
    node.get(field).and_then(Node::as_sequence).unwrap_or_default()
}

fn annotations(template: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let annotations = template.at_route(&["metadata", "annotations"]).and_then(Node::as_mapping);
    annotations.into_iter().flatten().map(|entry| (entry.key.as_str(), &entry.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_has_the_strictest_level_that_lets_it_in() {
        let of = |spec: serde_json::Value| level(&Node::from(json!({"spec": spec})));
        let restricted = json!({
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "main", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            }}],
        });
        assert_eq!(of(restricted), Level::Restricted);
        let adds = |what: &str| json!({"containers": [{"name": "main", "securityContext": {"capabilities": {"add": [what]}}}]});
        assert_eq!(of(json!({"containers": [{"name": "main"}]})), Level::Baseline);
        assert_eq!(of(adds("CHOWN")), Level::Baseline);
        assert_eq!(of(adds("SYS_ADMIN")), Level::Privileged);
        assert_eq!(of(json!({"hostNetwork": true})), Level::Privileged);
        assert_eq!(of(json!({"volumes": [{"name": "x", "nfs": {}}]})), Level::Baseline);
        assert_eq!(of(json!({"volumes": [{"name": "x", "hostPath": {}}]})), Level::Privileged);
    }

    fn refused(template: serde_json::Value) -> Vec<String> {
        let mut found = Diagnostics::default();
        check_template(&Node::from(template), &mut found);
        found
            .iter()
            .map(|diagnostic| diagnostic.message.split(": ").nth(1).unwrap().to_owned())
            .collect()
    }

    fn allowed() -> serde_json::Value {
        json!({"spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "main", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
            "volumes": [{"name": "config", "configMap": {"name": "c"}}],
        }})
    }

    fn with(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
        let mut template = allowed();
        change(&mut template);
        refused(template)
    }

    #[test]
    fn a_pod_with_the_usual_settings_passes() {
        assert_eq!(refused(allowed()), [""; 0]);
    }

    #[test]
    fn a_bare_container_lacks_four_settings() {
        let found = refused(json!({"spec": {"containers": [{"name": "main"}]}}));
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn each_setting_of_the_profile_is_held() {
        let container = "/spec/containers/0";
        let context = "/spec/containers/0/securityContext";
        let cases: &[(&str, &str, serde_json::Value)] = &[
            ("/spec", "hostNetwork", json!(true)),
            ("/spec", "hostPID", json!(true)),
            ("/spec", "hostIPC", json!(true)),
            ("/spec", "volumes", json!([{"name": "a", "hostPath": {"path": "/"}}])),
            ("/spec", "volumes", json!([{"name": "a", "nfs": {"path": "/", "server": "s"}}])),
            ("/spec/securityContext", "runAsUser", json!(0)),
            ("/spec/securityContext", "sysctls", json!([{"name": "kernel.msgmax", "value": "1"}])),
            ("/spec/securityContext", "appArmorProfile", json!({"type": "Unconfined"})),
            ("/spec/securityContext", "windowsOptions", json!({"hostProcess": true})),
            (container, "ports", json!([{"containerPort": 1, "hostPort": 1}])),
            (container, "livenessProbe", json!({"httpGet": {"host": "x", "port": 1}})),
            (container, "lifecycle", json!({"preStop": {"tcpSocket": {"host": "x", "port": 1}}})),
            (context, "privileged", json!(true)),
            (context, "allowPrivilegeEscalation", json!(true)),
            (context, "capabilities", json!({"drop": ["NET_RAW"]})),
            (context, "capabilities", json!({"drop": ["ALL"], "add": ["SYS_ADMIN"]})),
            (context, "procMount", json!("Unmasked")),
            (context, "runAsNonRoot", json!(false)),
            (context, "runAsUser", json!(0)),
            (context, "seccompProfile", json!({"type": "Unconfined"})),
            (context, "seLinuxOptions", json!({"type": "spc_t"})),
            (context, "seLinuxOptions", json!({"user": "u"})),
        ];
        for (place, field, value) in cases {
            let found = with(|template| {
                template.pointer_mut(place).unwrap()[*field] = value.clone();
            });
            assert_eq!(found.len(), 1, "{place}/{field} {value}: {found:?}");
        }
    }

    #[test]
    fn init_and_ephemeral_containers_are_held_to_it_too() {
        for kind in ["initContainers", "ephemeralContainers"] {
            let found =
                with(|template| template["spec"][kind] = json!([{"name": "x", "image": "x"}]));
            assert_eq!(found.len(), 2, "{kind}: {found:?}");
        }
    }

    #[test]
    fn root_is_allowed_in_a_user_namespace() {
        let found = with(|template| {
            template["spec"]["hostUsers"] = json!(false);
            template["spec"]["securityContext"]["runAsUser"] = json!(0);
        });
        assert_eq!(found, [""; 0]);
    }
}
