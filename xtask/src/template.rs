//! A SAM template made ready to deploy without `sam build`: same resources, functions from where they were built.
//!
//! `sam build` would ask cargo-lambda about every function again, one by one. Here each function's `CodeUri` becomes the
//! folder its binary was built into.
//!
//! For `MiniStack` the routes of HTTP APIs are added. SAM writes them into the `OpenAPI` `Body` of the API, which `MiniStack`
//! does not import. From the same `HttpApi` events this adds the authorizers, integrations and routes as resources of
//! their own, so that the stack's own update creates, changes and removes them. Roles that may send are given the names
//! that `MiniStack` has for sending in batches. On AWS nothing is added.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

mod routes;

/// Reads a template and points its functions at `binaries`, a folder with one folder a binary.
pub(crate) fn packaged(template: &Path, binaries: &Path) -> anyhow::Result<Value> {
    let mut template = parse(template)?;
    for (id, resource) in resources(&mut template)? {
        if resource["Type"] == "AWS::Serverless::Function" {
            let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
            let binary = binary.with_context(|| format!("{id} has no Metadata.BuildProperties.Binary"))?;
            let folder = binaries.join(binary);
            if !folder.join("bootstrap").is_file() {
                bail!("{id}: there is no binary `{binary}` among the functions");
            }
            resource["Properties"]["CodeUri"] = folder.to_string_lossy().into();
        }
    }
    Ok(template)
}

/// The definitions of the state machines in a template by logical id, each placeholder an ARN.
pub(crate) fn state_machines(template: &Path) -> anyhow::Result<Vec<(String, Value)>> {
    let mut template = parse(template)?;
    let machines = resources(&mut template)?.iter().filter(|(_, resource)| resource["Type"] == STATE_MACHINE);
    let definition = |(id, resource): (&String, &Value)| {
        let properties = &resource["Properties"];
        let mut text = properties["Definition"].to_string();
        for name in properties["DefinitionSubstitutions"].as_object().into_iter().flat_map(Map::keys) {
            text = text.replace(&format!("${{{name}}}"), "arn:aws:lambda:us-east-1:000000000000:function:step");
        }
        Ok((id.clone(), serde_json::from_str(&text)?))
    };
    machines.map(definition).collect()
}

const STATE_MACHINE: &str = "AWS::Serverless::StateMachine";

/// [`packaged`], and with what `MiniStack` needs.
pub(crate) fn local(template: &Path, binaries: &Path) -> anyhow::Result<Value> {
    let mut template = packaged(template, binaries)?;
    let resources = resources(&mut template)?;
    routes::put(resources)?;
    resources.values_mut().filter_map(|resource| resource.pointer_mut("/Properties/Policies")).for_each(allow_batches);
    Ok(template)
}

/// Actions whose batch call AWS allows with them.
const WITH_BATCH: [&str; 4] = ["sns:Publish", "sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];

/// `MiniStack` asks for `sns:PublishBatch` and the like, actions that AWS does not have.
fn allow_batches(policies: &mut Value) {
    for policy in policies.as_array_mut().into_iter().flatten() {
        for statement in policy.pointer_mut("/Statement").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(Value::Array(actions)) = statement.get_mut("Action") {
                let batches = actions.iter().filter_map(Value::as_str).filter(|action| WITH_BATCH.contains(action));
                let batches: Vec<Value> = batches.map(|action| format!("{action}Batch").into()).collect();
                actions.extend(batches);
            }
        }
    }
}

fn parse(template: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(template).with_context(|| format!("cannot read {}", template.display()))?;
    let yaml = serde_yaml_ng::from_str(&text).with_context(|| format!("{} is not YAML", template.display()))?;
    plain(yaml)
}

fn resources(template: &mut Value) -> anyhow::Result<&mut Map<String, Value>> {
    template["Resources"].as_object_mut().context("the template has no Resources")
}

/// `CloudFormation`'s YAML in the long form that JSON has too: `!Ref X` is `{"Ref": "X"}`.
fn plain(yaml: serde_yaml_ng::Value) -> anyhow::Result<Value> {
    use serde_yaml_ng::Value as Yaml;
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = tag.trim_start_matches('!');
            match (name, plain(tagged.value)?) {
                ("Ref" | "Condition", value) => json!({ name: value }),
                ("GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').context("!GetAtt wants Resource.Attribute")?;
                    json!({ "Fn::GetAtt": [resource, attribute] })
                }
                (_, value) => json!({ format!("Fn::{name}"): value }),
            }
        }
        Yaml::Sequence(items) => items.into_iter().map(plain).collect::<anyhow::Result<_>>()?,
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key.as_str().context("a template's keys are text")?.to_owned();
                object.insert(key, plain(value)?);
            }
            Value::Object(object)
        }
        scalar @ (Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_)) => serde_json::to_value(scalar)?,
    })
}

#[cfg(test)]
mod tests;
