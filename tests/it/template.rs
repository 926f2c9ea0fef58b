//! The queues, subscriptions and stream filters of the deployed templates, so that what is tested is what is deployed.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use serde_yaml_ng::Value;

pub(crate) static STORE: LazyLock<Template> = LazyLock::new(|| Template::read("template.yaml"));
pub(crate) static WAREHOUSE: LazyLock<Template> = LazyLock::new(|| Template::read("functions/warehouse/template.yaml"));

/// What a stack has between its functions.
pub(crate) struct Template {
    pub(crate) queues: Vec<Queue>,
    /// Queue and filter policy of each subscription to the events topic.
    pub(crate) subscriptions: Vec<(String, serde_json::Value)>,
    /// Which change records the relay gets.
    pub(crate) stream_filter: serde_json::Value,
}

/// A queue, by its logical id.
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) visibility: Duration,
    /// Where what was received too often goes, and how often that is.
    pub(crate) redrive: Option<(String, u32)>,
}

impl Template {
    fn read(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        let template: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let resources = template["Resources"].as_mapping().unwrap();
        let of_kind = |kind: &'static str| {
            let typed = move |(_, resource): &(&Value, &Value)| resource["Type"] == kind;
            resources.iter().filter(typed).map(|(name, resource)| (name.as_str().unwrap(), &resource["Properties"]))
        };
        let is_fifo = |name: &str| resources[name]["Properties"]["FifoQueue"] == true;
        let queue_name = |name: &str| if is_fifo(name) { format!("{name}.fifo") } else { name.to_owned() };
        let queues = of_kind("AWS::SQS::Queue").map(|(name, properties)| Queue {
            name: queue_name(name),
            visibility: Duration::from_secs(properties["VisibilityTimeout"].as_u64().unwrap_or(30)),
            redrive: properties.get("RedrivePolicy").map(|policy| {
                let receives = policy["maxReceiveCount"].as_u64().unwrap();
                (queue_name(&attribute_of(&policy["deadLetterTargetArn"])), receives.try_into().unwrap())
            }),
        });
        let ours = of_kind("AWS::SNS::Subscription").filter(|(_, properties)| properties["Protocol"] == "sqs");
        let subscriptions = ours.map(|(_, properties)| {
            let filter = serde_json::to_value(&properties["FilterPolicy"]).unwrap();
            (queue_name(&attribute_of(&properties["Endpoint"])), filter)
        });
        let relay = &resources["OutboxRelay"]["Properties"]["Events"]["Stream"]["Properties"];
        let pattern = relay["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap();
        Self {
            queues: queues.collect(),
            subscriptions: subscriptions.collect(),
            stream_filter: serde_json::from_str(pattern).unwrap(),
        }
    }
}

/// The logical id in `!GetAtt Queue.Arn`.
fn attribute_of(value: &Value) -> String {
    let Value::Tagged(tagged) = value else { panic!("{value:?} is no !GetAtt") };
    let name = tagged.value.as_str().unwrap();
    name.strip_suffix(".Arn").unwrap_or(name).to_owned()
}
