//! What holds for every function, queue and route of this project's templates, and no linter knows.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::project::Project;

const TEMPLATES: [&str; 2] = ["template.yaml", "functions/warehouse/template.yaml"];

/// Everything else asks who is calling.
const PUBLIC: [&str; 3] = ["GET /store/health", "GET /store/ready", "POST /store/v1/customers"];

/// Each template's resources.
fn templates() -> Vec<Map<String, Value>> {
    let project = Project::open().unwrap();
    let parsed = TEMPLATES.map(|template| parse(&project.path(template)).unwrap());
    parsed.into_iter().map(|mut template| resources(&mut template).unwrap().clone()).collect()
}

fn of_type(resources: &Map<String, Value>, kind: &str) -> BTreeMap<String, Value> {
    resources.iter().filter(|(_, r)| r["Type"] == kind).map(|(id, r)| (id.clone(), r.clone())).collect()
}

fn functions() -> Vec<(String, Value)> {
    templates().iter().flat_map(|resources| of_type(resources, "AWS::Serverless::Function")).collect()
}

fn pascal_case(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[test]
fn every_binary_is_a_function_and_every_function_a_binary() {
    let project = Project::open().unwrap();
    let binaries: BTreeSet<_> = project.functions().iter().flat_map(|package| package.binaries.clone()).collect();
    let deployed: BTreeSet<_> = functions()
        .iter()
        .map(|(_, function)| function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(binaries, deployed);
}

#[test]
fn a_function_is_called_after_its_binary() {
    for (id, function) in functions() {
        let metadata = &function["Metadata"];
        assert_eq!(metadata["BuildMethod"], "rust-cargolambda", "{id}");
        assert_eq!(pascal_case(metadata["BuildProperties"]["Binary"].as_str().unwrap()), id);
    }
}

#[test]
fn only_the_listed_routes_are_public() {
    let mut public = BTreeSet::new();
    for resources in templates() {
        for (id, route) in routes::of(&resources).unwrap() {
            if route["Type"] == "AWS::ApiGatewayV2::Route" && route["Properties"]["AuthorizationType"] != "CUSTOM" {
                assert!(public.insert(route["Properties"]["RouteKey"].as_str().unwrap().to_owned()), "{id}");
            }
        }
    }
    assert_eq!(public, PUBLIC.map(str::to_owned).into());
}

#[test]
fn every_function_logs_to_a_group_that_forgets() {
    for resources in templates() {
        let groups = of_type(&resources, "AWS::Logs::LogGroup");
        for id in of_type(&resources, "AWS::Serverless::Function").keys() {
            let group = &groups[&format!("{id}Logs")]["Properties"];
            assert_eq!(group["LogGroupName"]["Fn::Sub"], format!("/aws/lambda/${{{id}}}"));
            assert!(!group["RetentionInDays"].is_null(), "{id}");
        }
    }
}

#[test]
fn roles_name_their_actions_and_resources() {
    for (id, function) in functions() {
        for statement in function["Properties"]["Policies"][0]["Statement"].as_array().into_iter().flatten() {
            for action in statement["Action"].as_array().unwrap() {
                assert!(!action.as_str().unwrap().contains('*'), "{id} may {action}");
            }
            let resource = &statement["Resource"];
            let all = resource.as_array().cloned().unwrap_or_else(|| vec![resource.clone()]);
            assert!(all.iter().all(Value::is_object), "{id} reaches {resource}");
            if statement["Sid"] == "Table" {
                let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
                assert_eq!(keys, &json!([{ "Fn::Sub": "T#${Tenant}#*" }]), "{id} reaches other tenants");
            }
        }
    }
}

#[test]
fn a_message_stays_hidden_for_six_times_its_functions_timeout() {
    for resources in templates() {
        for (id, function) in of_type(&resources, "AWS::Serverless::Function") {
            let properties = &function["Properties"];
            // The timeout of `Globals` is 10 seconds.
            let timeout = properties["Timeout"].as_u64().unwrap_or(10);
            for event in properties["Events"].as_object().into_iter().flat_map(Map::values) {
                if event["Type"] == "SQS" {
                    let queue = event["Properties"]["Queue"]["Fn::GetAtt"][0].as_str().unwrap();
                    let queue = &resources[queue]["Properties"];
                    assert!(queue["VisibilityTimeout"].as_u64().unwrap() >= 6 * timeout, "{id}");
                    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], 5, "{id}");
                    assert_eq!(
                        event["Properties"]["FunctionResponseTypes"],
                        json!(["ReportBatchItemFailures"]),
                        "{id}"
                    );
                }
            }
        }
    }
}
