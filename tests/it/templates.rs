//! The templates held against the code and the documents: functions, routes, queues, logs, alarms.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{MetadataCommand, TargetKind};
use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;
use utoipa::OpenApi as _;

use crate::architecture::{project, quoted, read, rows};

const TEMPLATES: [&str; 2] = ["template.yaml", "functions/warehouse/template.yaml"];

struct Template {
    file: &'static str,
    whole: Value,
}

impl Template {
    fn all() -> [Self; 2] {
        TEMPLATES.map(|file| Self { file, whole: plain(serde_yaml_ng::from_str(&read(file)).unwrap()) })
    }

    fn resources(&self) -> &Map<String, Value> {
        self.whole["Resources"].as_object().unwrap()
    }

    /// Logical ids and properties.
    fn of_type(&self, kind: &str) -> Vec<(&str, &Value)> {
        let typed = self.resources().iter().filter(|(_, resource)| resource["Type"] == kind);
        typed.map(|(id, resource)| (id.as_str(), &resource["Properties"])).collect()
    }

    fn functions(&self) -> Vec<(&str, &Value)> {
        self.of_type("AWS::Serverless::Function")
    }

    /// Function and properties of each event of a kind.
    fn events(&self, kind: &str) -> Vec<(&str, &Value)> {
        let functions = self.functions().into_iter();
        functions
            .flat_map(|(id, function)| object(&function["Events"]).map(move |(_, event)| (id, event)))
            .filter(|(_, event)| event["Type"] == kind)
            .map(|(id, event)| (id, &event["Properties"]))
            .collect()
    }

    /// A function's property, or the default of all functions.
    fn function_property<'a>(&'a self, function: &'a Value, name: &str) -> &'a Value {
        function.get(name).unwrap_or(&self.whole["Globals"]["Function"][name])
    }

    /// `GET /store/health` of every route, and whether an authorizer stands before it.
    fn routes(&self) -> BTreeMap<String, bool> {
        let api = &self.resources()["Api"]["Properties"]["Auth"];
        let has_default = api["Authorizers"].get(api["DefaultAuthorizer"].as_str().unwrap()).is_some();
        let route = |(_, properties): (&str, &Value)| {
            let (method, path) = (properties["Method"].as_str().unwrap(), properties["Path"].as_str().unwrap());
            (format!("{method} {path}"), has_default && properties["Auth"]["Authorizer"] != "NONE")
        };
        self.events("HttpApi").into_iter().map(route).collect()
    }
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// `CloudFormation`'s short tags in their long form.
fn plain(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = tag.trim_start_matches('!');
            match (name, plain(tagged.value)) {
                ("Ref" | "Condition", value) => json!({ name: value }),
                (_, value) => json!({ format!("Fn::{name}"): value }),
            }
        }
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            entries.into_iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), plain(value))).collect()
        }
        scalar @ (Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_)) => {
            serde_json::to_value(scalar).unwrap()
        }
    }
}

/// The resource a `Ref` or `GetAtt` means.
fn target(value: &Value) -> &str {
    let name = value["Fn::GetAtt"].as_str().or(value["Ref"].as_str());
    name.unwrap_or_else(|| panic!("{value} refers to nothing")).split('.').next().unwrap()
}

fn pascal_case(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(capital).collect()
}

#[test]
fn the_binaries_are_the_functions_of_the_templates() {
    let metadata = MetadataCommand::new().current_dir(project()).no_deps().exec().unwrap();
    let folder = project().join("functions");
    let packages = metadata.packages.iter().filter(|package| package.manifest_path.as_std_path().starts_with(&folder));
    let is_bin = |target: &&cargo_metadata::Target| target.kind.contains(&TargetKind::Bin);
    let built: BTreeSet<String> =
        packages.flat_map(|package| package.targets.iter().filter(is_bin).map(|target| target.name.clone())).collect();

    let mut deployed = BTreeSet::new();
    for template in Template::all() {
        for (id, _) in template.functions() {
            let metadata = &template.resources()[id]["Metadata"];
            assert_eq!(metadata["BuildMethod"], "rust-cargolambda", "{id}");
            let binary = metadata["BuildProperties"]["Binary"].as_str().unwrap_or_else(|| panic!("{id} has no Binary"));
            assert_eq!(pascal_case(binary), id);
            deployed.insert(binary.to_owned());
        }
    }
    assert_eq!(built, deployed);
}

#[test]
fn every_function_has_a_log_that_is_not_kept_for_ever() {
    for template in Template::all() {
        let logs: BTreeMap<String, &Value> = template
            .of_type("AWS::Logs::LogGroup")
            .into_iter()
            .map(|(_, log)| (log["LogGroupName"]["Fn::Sub"].as_str().unwrap().to_owned(), &log["RetentionInDays"]))
            .collect();
        for (id, _) in template.functions() {
            let retention = logs.get(&format!("/aws/lambda/${{{id}}}"));
            assert_eq!(retention, Some(&&json!({ "Ref": "LogRetentionDays" })), "{} {id}", template.file);
        }
    }
}

#[test]
fn every_function_states_memory_timeout_and_tracing() {
    for template in Template::all() {
        for (id, function) in template.functions() {
            for property in ["MemorySize", "Timeout", "Tracing", "Architectures", "LoggingConfig"] {
                assert!(!template.function_property(function, property).is_null(), "{id} {property}");
            }
        }
    }
}

#[test]
fn roles_name_their_actions_and_resources_and_are_bound_to_the_tenant() {
    for template in Template::all() {
        for (id, function) in template.functions() {
            let statements = function["Policies"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|policy| policy["Statement"].as_array().unwrap());
            for statement in statements {
                assert!(!statement["Action"].to_string().contains('*'), "{id} {statement}");
                let reached = &statement["Resource"];
                let all = reached.as_array().map_or(std::slice::from_ref(reached), Vec::as_slice);
                // Cloud Map knows no resources when it is asked who is there, only names.
                let is_named =
                    statement["Condition"]["StringEqualsIfExists"]["servicediscovery:NamespaceName"].is_object();
                assert!(is_named || all.iter().all(Value::is_object), "{id} reaches {reached}");
                let is_table = statement["Action"].to_string().contains("dynamodb:");
                let tenant = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"][0]["Fn::Sub"];
                let is_bound = tenant.as_str().is_some_and(|keys| keys.starts_with("T#${Tenant}#"));
                assert!(!is_table || is_bound, "{id} may reach other tenants");
            }
        }
    }
}

#[test]
fn every_queue_has_dead_letters_or_is_watched_as_the_last_stop() {
    for template in Template::all() {
        let alarms = template.of_type("AWS::CloudWatch::Alarm");
        let is_watched = |queue: &str, metric: &str| {
            alarms.iter().any(|(_, alarm)| {
                alarm["MetricName"] == metric
                    && alarm["Dimensions"][0]["Value"] == json!({ "Fn::GetAtt": format!("{queue}.QueueName") })
            })
        };
        for (id, queue) in template.of_type("AWS::SQS::Queue") {
            if let Some(redrive) = queue.get("RedrivePolicy") {
                let dead_letters = target(&redrive["deadLetterTargetArn"]);
                assert!(redrive["maxReceiveCount"].as_u64() >= Some(5), "{id}");
                assert_eq!(template.resources()[dead_letters]["Properties"]["FifoQueue"], queue["FifoQueue"], "{id}");
                assert!(is_watched(id, "ApproximateAgeOfOldestMessage"), "{id} may grow old unseen");
            } else {
                assert!(is_watched(id, "ApproximateNumberOfMessagesVisible"), "{id} may fill unseen");
                assert_eq!(queue["MessageRetentionPeriod"], 1_209_600, "{id}");
            }
        }
    }
}

#[test]
fn consumers_report_single_failures_and_have_time_to_try_again() {
    for template in Template::all() {
        for (id, event) in template.events("SQS") {
            let queue = &template.resources()[target(&event["Queue"])]["Properties"];
            let function = &template.resources()[id]["Properties"];
            let timeout = template.function_property(function, "Timeout").as_u64().unwrap();
            assert!(queue["VisibilityTimeout"].as_u64().unwrap() >= 6 * timeout, "{id}");
            assert_eq!(event["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{id}");
            let dead_letters = target(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
            let told = target(&function["Environment"]["Variables"]["DEAD_LETTER_QUEUE_URL"]);
            assert_eq!(told, dead_letters, "{id} puts aside where its queue does");
        }
        for (id, subscription) in template.of_type("AWS::SNS::Subscription") {
            let is_queue = subscription["Protocol"] == "sqs";
            assert!(!is_queue || subscription["RedrivePolicy"]["deadLetterTargetArn"].is_object(), "{id}");
        }
    }
}

#[test]
fn streams_and_schedules_give_up_somewhere_and_some_time() {
    for template in Template::all() {
        for (id, stream) in template.events("DynamoDB") {
            assert_eq!(stream["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{id}");
            assert_eq!(stream["BisectBatchOnFunctionError"], true, "{id}");
            assert!(stream["MaximumRetryAttempts"].as_i64() > Some(0), "{id}");
            assert!(stream["MaximumRecordAgeInSeconds"].as_i64() > Some(0), "{id}");
            assert!(stream["DestinationConfig"]["OnFailure"]["Destination"].is_object(), "{id}");
        }
        for (id, schedule) in template.events("ScheduleV2") {
            assert!(schedule["RetryPolicy"]["MaximumRetryAttempts"].is_u64(), "{id}");
            assert!(schedule["DeadLetterConfig"]["Arn"].is_object(), "{id}");
            let invocation = &template.resources()[id]["Properties"]["EventInvokeConfig"];
            assert!(invocation["MaximumRetryAttempts"].is_u64(), "{id}");
            assert!(invocation["DestinationConfig"]["OnFailure"]["Destination"].is_object(), "{id}");
        }
    }
}

/// Every task state of a definition, those inside maps too.
fn tasks(value: &Value) -> Vec<&Value> {
    let inside = object(value).flat_map(|(_, inner)| tasks(inner));
    inside.chain((value["Type"] == "Task").then_some(value)).collect()
}

#[test]
fn state_machines_end_are_logged_and_watched_and_try_again() {
    for template in Template::all() {
        let alarms = template.of_type("AWS::CloudWatch::Alarm");
        for (id, machine) in template.of_type("AWS::Serverless::StateMachine") {
            assert!(machine["Definition"]["TimeoutSeconds"].is_u64(), "{id} may run for ever");
            assert_eq!(machine["Logging"]["Level"], "ALL", "{id}");
            // Inputs may hold anything; a history is not where data belongs.
            assert_eq!(machine["Logging"]["IncludeExecutionData"], false, "{id}");
            assert_eq!(machine["Tracing"]["Enabled"], true, "{id}");
            assert!(!machine["Policies"].to_string().contains(":*"), "{id}");
            let steps = tasks(&machine["Definition"]);
            assert!(!steps.is_empty() && steps.iter().all(|step| step["Retry"].is_array()), "{id}");
            for metric in ["ExecutionsFailed", "ExecutionsTimedOut"] {
                let is_watched = |alarm: &Value| {
                    alarm["MetricName"] == metric && alarm["Dimensions"][0]["Value"] == json!({ "Ref": id })
                };
                assert!(alarms.iter().any(|(_, alarm)| is_watched(alarm)), "{id} {metric}");
            }
        }
    }
}

#[test]
fn tables_are_backed_up_encrypted_and_told_of() {
    for template in Template::all() {
        for (id, table) in template.of_type("AWS::DynamoDB::Table") {
            assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{id}");
            assert_eq!(table["SSESpecification"]["SSEEnabled"], true, "{id}");
            assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES", "{id}");
            assert_eq!(table["TimeToLiveSpecification"], json!({ "AttributeName": "ttl", "Enabled": true }), "{id}");
        }
        let limits = &template.resources()["Api"]["Properties"]["DefaultRouteSettings"];
        assert!(limits["ThrottlingRateLimit"].is_u64() && limits["ThrottlingBurstLimit"].is_u64(), "{}", template.file);
    }
}

#[test]
fn buckets_are_encrypted_closed_and_reached_by_encrypted_connections_only() {
    for template in Template::all() {
        for (id, bucket) in template.of_type("AWS::S3::Bucket") {
            let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
            assert_eq!(encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256", "{id}");
            let closed =
                object(&bucket["PublicAccessBlockConfiguration"]).filter(|(_, closed)| **closed == json!(true));
            assert_eq!(closed.count(), 4, "{id}");
            let is_of = |policy: &Value| policy["Bucket"] == json!({ "Ref": id });
            let policies = template.of_type("AWS::S3::BucketPolicy");
            let (_, policy) = policies.into_iter().find(|(_, policy)| is_of(policy)).unwrap();
            let denied = &policy["PolicyDocument"]["Statement"][0];
            assert_eq!((&denied["Effect"], &denied["Principal"]), (&json!("Deny"), &json!("*")), "{id}");
            assert_eq!(denied["Condition"], json!({ "Bool": { "aws:SecureTransport": "false" } }), "{id}");
        }
    }
}

#[test]
fn every_alarm_tells_somebody_and_has_a_runbook() {
    let runbooks: BTreeSet<String> =
        read("docs/runbooks.md").lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    for template in Template::all() {
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let name = alarm["AlarmDescription"].as_str().unwrap().split_once("runbook \"").unwrap().1;
            assert!(runbooks.contains(name.trim_end_matches('"')), "{id} has no runbook {name}");
            assert_eq!(alarm["AlarmActions"], json!([{ "Ref": "AlarmsTopic" }]), "{id}");
        }
    }
}

#[test]
fn routes_without_an_authorizer_are_on_the_list_of_public_routes() {
    let listed: BTreeSet<String> =
        rows("docs/public-routes.md", "Routes").iter().filter_map(|row| quoted(&row[0]).next()).collect();
    let open: BTreeSet<String> = Template::all()
        .iter()
        .flat_map(Template::routes)
        .filter(|(_, has_authorizer)| !has_authorizer)
        .map(|(route, _)| route)
        .collect();
    assert_eq!(open, listed);
}

/// Routes behind an authorizer.
pub(crate) fn guarded_routes() -> BTreeSet<String> {
    let routes = Template::all().into_iter().flat_map(|template| template.routes());
    routes.filter(|(_, has_authorizer)| *has_authorizer).map(|(route, _)| route).collect()
}

/// In both directions: a route nobody needs a permission for, and a permission for a route that is gone.
#[test]
fn every_route_behind_an_authorizer_has_one_permission_in_the_catalogue() {
    let routes = access::CATALOGUE.iter().flat_map(|permission| permission.routes);
    let catalogued: BTreeSet<String> = routes.map(|route| (*route).to_owned()).collect();
    assert_eq!(guarded_routes(), catalogued);
}

/// `GET /store/health` of every operation of an API document, and whether it wants a credential.
fn operations(document: &Value) -> BTreeMap<String, bool> {
    let methods = object(&document["paths"]).flat_map(|(path, item)| {
        object(item).filter(|(_, operation)| operation["responses"].is_object()).map(move |(method, operation)| {
            // No security at all is one empty requirement.
            let is_open = operation["security"] == json!([{}]);
            (format!("{} {path}", method.to_uppercase()), !is_open)
        })
    });
    methods.collect()
}

#[test]
fn the_api_document_describes_exactly_the_routes_of_the_templates() {
    let documents = [
        storefront_functions::openapi(),
        sales_functions::openapi(),
        inventory_functions::openapi(),
        outbox_functions::ApiDoc::openapi(),
        access_functions::openapi(),
        documents_functions::openapi(),
        shopify_functions::openapi(),
    ];
    let store = web::openapi::assemble("Crossdock", "1", documents).unwrap();
    let warehouse = web::openapi::assemble("Crossdock", "1", [warehouse::openapi()]).unwrap();
    for (template, document) in Template::all().iter().zip([store, warehouse]) {
        let mut routes = template.routes();
        // What is behind it has documents of its own, one a version.
        routes.remove("ANY /public/{proxy+}");
        assert_eq!(operations(&serde_json::to_value(document).unwrap()), routes, "{}", template.file);
    }
}

#[test]
fn parameters_and_variables_are_explained() {
    let explained: BTreeSet<String> = quoted(&read("docs/configuration.md")).collect();
    for template in Template::all() {
        for (name, _) in object(&template.whole["Parameters"]) {
            assert!(explained.contains(name), "parameter {name}");
        }
        let globals = [("Globals", &template.whole["Globals"]["Function"])];
        for (id, function) in template.functions().into_iter().chain(globals) {
            for (name, _) in object(&function["Environment"]["Variables"]) {
                assert!(explained.contains(name), "variable {name} of {id}");
            }
        }
    }
}

#[test]
fn every_event_a_queue_is_subscribed_to_is_in_architecture_md() {
    let listed: BTreeSet<String> =
        rows("ARCHITECTURE.md", "Events and queues").iter().filter_map(|row| quoted(&row[0]).next()).collect();
    for template in Template::all() {
        for (id, subscription) in template.of_type("AWS::SNS::Subscription") {
            for kind in subscription["FilterPolicy"]["type"].as_array().into_iter().flatten() {
                assert!(listed.contains(kind.as_str().unwrap()), "{id} {kind}");
            }
        }
    }
}
