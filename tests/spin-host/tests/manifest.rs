//! `spin.toml` keeps the rules of Spin's manifest that would otherwise only show when it is run.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

fn manifest() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
    std::fs::read_to_string(&path).expect("spin.toml is there").parse().expect("spin.toml is TOML")
}

fn table<'a>(value: &'a Table, path: &[&str]) -> &'a Table {
    path.iter().fold(value, |table, name| {
        table.get(*name).and_then(Value::as_table).unwrap_or_else(|| panic!("{path:?} is no table"))
    })
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("is a list").iter().map(|item| item.as_str().expect("is a text")).collect()
}

/// The names between `{{` and `}}`.
fn templates(text: &str) -> Vec<&str> {
    text.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default().trim()).collect()
}

#[test]
fn it_is_a_manifest_of_version_2_with_one_http_trigger_for_every_path() {
    let manifest = manifest();
    assert_eq!(manifest["spin_manifest_version"].as_integer(), Some(2));
    let triggers = manifest["trigger"]["http"].as_array().expect("a list of triggers");
    assert_eq!(triggers.len(), 1);
    assert_eq!(triggers[0]["route"].as_str(), Some("/..."));
    assert_eq!(triggers[0]["component"].as_str(), Some("timeweft"));
    assert!(table(&manifest, &["component"]).contains_key("timeweft"));
}

#[test]
fn every_variable_is_required_or_has_a_default_and_never_both() {
    for (name, variable) in table(&manifest(), &["variables"]) {
        let required = variable.get("required").and_then(Value::as_bool).unwrap_or_default();
        assert_ne!(required, variable.get("default").is_some(), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name} is not in snake case");
    }
}

#[test]
fn keys_are_secret_and_have_no_default_to_forget() {
    let manifest = manifest();
    let variables = table(&manifest, &["variables"]);
    for name in ["key", "grip_key"] {
        assert_eq!(variables[name].get("secret").and_then(Value::as_bool), Some(true), "{name}");
        assert_eq!(variables[name].get("required").and_then(Value::as_bool), Some(true), "{name}");
    }
    for name in ["jwt_key", "key_before"] {
        assert_eq!(variables[name].get("secret").and_then(Value::as_bool), Some(true), "{name}");
    }
    assert_eq!(variables["development"]["default"].as_str(), Some("false"));
    assert_eq!(variables["grip_required"]["default"].as_str(), Some("true"));
}

#[test]
fn every_template_names_a_variable_and_every_variable_is_used() {
    let manifest = manifest();
    let declared: BTreeSet<&str> = table(&manifest, &["variables"]).keys().map(String::as_str).collect();
    let component = table(&manifest, &["component", "timeweft"]);
    let mut used: BTreeSet<&str> =
        texts(&component["allowed_outbound_hosts"]).into_iter().flat_map(templates).collect();
    for value in table(component, &["variables"]).values() {
        used.extend(templates(value.as_str().expect("a text")));
    }
    assert_eq!(declared, used);
}

#[test]
fn the_component_has_the_settings_that_the_person_and_the_front_read() {
    let manifest = manifest();
    let variables = table(&manifest, &["component", "timeweft", "variables"]);
    let settings = [
        "key",
        "key-before",
        "development",
        "origins",
        "guests",
        "admins",
        "grip-key",
        "grip-required",
        "app-url",
        "jwt-issuer",
        "jwt-key",
        "publish-url",
        "mail-url",
        "limit-value-bytes",
        "limit-depth",
        "limit-message-bytes",
        "limit-body-bytes",
        "limit-diff-operations",
        "limit-subscriptions",
    ];
    for setting in settings {
        assert!(variables.contains_key(&setting.replace('-', "_")), "{setting}");
    }
}

#[test]
fn it_reaches_only_the_hosts_that_are_named_and_only_the_default_store() {
    let manifest = manifest();
    let component = table(&manifest, &["component", "timeweft"]);
    let variables = table(&manifest, &["variables"]);
    assert_eq!(texts(&component["key_value_stores"]), ["default"]);
    for host in texts(&component["allowed_outbound_hosts"]) {
        let [name] = templates(host)[..] else { panic!("{host}: one variable, so that nothing else is let through") };
        assert_eq!(host, format!("{{{{ {name} }}}}"));
        // Spin takes scheme, host and port here, and no path. Empty means no host.
        let default = variables[name]["default"].as_str().expect("has a default");
        if default.is_empty() {
            continue;
        }
        let (scheme, rest) = default.split_once("://").expect("has a scheme");
        assert!(["http", "https"].contains(&scheme) && !rest.is_empty() && !rest.contains(['/', '*']), "{default}");
    }
    assert_eq!(component["source"].as_str(), Some("target/components/spin.wasm"));
}
