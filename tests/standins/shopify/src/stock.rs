//! Stock at locations: what is on hand is what can be sold and what was promised.

use serde_json::{Value, json};

use crate::computed::level_id;
use crate::world::{Fields, World};

/// Names of quantities that are kept.
pub(crate) const NAMES: [&str; 8] =
    ["available", "committed", "damaged", "incoming", "on_hand", "quality_control", "reserved", "safety_stock"];

impl World {
    /// Begins to keep an item at a location.
    pub(crate) fn stock_item(&mut self, item: &str, location: &str) -> String {
        let id = level_id(item, location);
        if self.get(&id).is_some() {
            return id;
        }
        let now = self.now_text();
        let amounts: serde_json::Map<String, Value> = NAMES.iter().map(|name| ((*name).to_owned(), json!(0))).collect();
        let level = json!({ "item": item, "location": location, "amounts": amounts, "isActive": true,
            "createdAt": now, "updatedAt": now });
        self.create_as(&id, "InventoryLevel", level);
        let mut levels = self.get(item).map(|item| item.ids("inventoryLevels")).unwrap_or_default();
        levels.push(id.clone());
        self.set(item, "inventoryLevels", levels);
        id
    }

    /// The amount of one name at a location; `None` when the item is not kept there.
    pub(crate) fn amount(&self, item: &str, location: &str, name: &str) -> Option<i64> {
        Some(self.get(&level_id(item, location))?.at("amounts").whole(name))
    }

    /// Moves amounts of a level and tells of it. Moving `available` or `committed` moves what is on hand, unless `on_hand` is
    /// moved too.
    pub(crate) fn move_stock(&mut self, item: &str, location: &str, moves: &[(&str, i64)]) {
        let id = level_id(item, location);
        let Some(level) = self.get(&id) else { return };
        let mut amounts = level.at("amounts").clone();
        for (name, delta) in moves {
            let amount = amounts.whole(name);
            amounts[*name] = json!(amount + delta);
        }
        self.set(&id, "amounts", amounts);
        self.touch(&id);
        let available = self.amount(item, location, "available");
        let payload = crate::webhooks::payload::level(self, &id, available);
        self.emit("INVENTORY_LEVELS_UPDATE", &payload);
    }
}
