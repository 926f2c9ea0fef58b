use std::sync::Arc;

use super::*;
use crate::testing::{Document, MemoryBlobs, document, document_key, table, tenant};
use crate::{BatchWriter, TransactionError};

const HUGE: usize = 700_000;

fn with_blobs() -> (Table, Arc<MemoryBlobs>) {
    let blobs = Arc::new(MemoryBlobs::default());
    (table().with_blobs(Arc::<MemoryBlobs>::clone(&blobs)), blobs)
}

async fn read(table: &Table, id: &str) -> Option<Document> {
    let found = table.get::<Document>(document_key(&tenant(), id), Consistency::Eventual).await.unwrap();
    found.map(|found| found.value)
}

#[tokio::test]
async fn a_body_no_item_can_hold_comes_back_from_the_blob_store() {
    let (table, blobs) = with_blobs();
    let huge = document("d1", 1, HUGE);
    table.create(&tenant(), &huge).await.unwrap();
    assert_eq!(read(&table, "d1").await, Some(huge.clone()));
    let names = blobs.names();
    assert!(names.len() == 1 && names[0].starts_with("acme.test/document/"), "{names:?}");

    let stored = table.fetch(document_key(&tenant(), "d1"), Consistency::Strong).await.unwrap().unwrap();
    assert!(crate::size::item_size(&stored.0) < 1024);
    assert_eq!(stored.text("state"), Some("NEW"), "still there for conditions");

    let many = table.get_many(&[document_key(&tenant(), "d1")], Consistency::Strong).await.unwrap();
    assert_eq!(many.into_iter().flatten().next().unwrap().decode::<Document>().unwrap().value, huge);
    let partition = crate::Partition::tenant(&tenant(), &["DOCUMENT", "d1"]);
    let page = table.query::<Document>(crate::Query::partition(partition)).await.unwrap();
    assert_eq!(page.items[0].value, huge);
}

#[tokio::test]
async fn a_replaced_or_deleted_body_leaves_no_blob() {
    let (table, blobs) = with_blobs();
    table.create(&tenant(), &document("d1", 1, HUGE)).await.unwrap();
    table.update(&tenant(), &document("d1", 2, HUGE), 1).await.unwrap();
    assert_eq!(blobs.names().len(), 1);
    assert_eq!(read(&table, "d1").await, Some(document("d1", 2, HUGE)));
    table.update(&tenant(), &document("d1", 3, 10), 2).await.unwrap();
    assert!(blobs.names().is_empty());
    table.update(&tenant(), &document("d1", 4, HUGE), 3).await.unwrap();
    table.delete(document_key(&tenant(), "d1")).await.unwrap();
    assert!(blobs.names().is_empty());
}

#[tokio::test]
async fn a_refused_write_does_not_touch_the_blob_of_the_item_in_the_way() {
    let (table, _blobs) = with_blobs();
    table.create(&tenant(), &document("d1", 1, HUGE)).await.unwrap();
    table.create(&tenant(), &document("d1", 2, HUGE)).await.unwrap_err();
    table.update(&tenant(), &document("d1", 3, HUGE), 9).await.unwrap_err();
    assert_eq!(read(&table, "d1").await, Some(document("d1", 1, HUGE)));
}

#[tokio::test]
async fn a_refused_transaction_takes_its_own_blobs_back() {
    let (table, blobs) = with_blobs();
    table.create(&tenant(), &document("d1", 1, HUGE)).await.unwrap();
    let mut transaction = table.transaction(&tenant());
    transaction.create(&document("d2", 2, HUGE)).create(&document("d1", 2, HUGE));
    assert!(matches!(transaction.commit().await, Err(TransactionError::Conditions(_))));
    assert_eq!(blobs.names().len(), 1);
    assert_eq!(read(&table, "d1").await, Some(document("d1", 1, HUGE)));
}

#[tokio::test]
async fn transactions_and_batches_move_bodies_too() {
    let (table, blobs) = with_blobs();
    let mut transaction = table.transaction(&tenant());
    for number in 0..12 {
        transaction.create(&document(&format!("d{number}"), number, HUGE));
    }
    transaction.commit().await.unwrap();
    let mut writer = BatchWriter::new(table.clone(), None);
    writer.put(&tenant(), &document("d12", 12, HUGE)).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(blobs.names().len(), 13);
    for number in 0..13 {
        let id = format!("d{number}");
        assert_eq!(read(&table, &id).await, Some(document(&id, number, HUGE)));
    }
}

#[tokio::test]
async fn without_a_blob_store_the_item_is_too_large() {
    let table = table();
    let error = table.create(&tenant(), &document("d1", 1, HUGE)).await.unwrap_err();
    assert!(matches!(&error, TableError::ItemTooLarge { kind, .. } if kind == "document"), "{error}");
    let mut transaction = table.transaction(&tenant());
    transaction.create(&document("d1", 1, HUGE));
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, TransactionError::Table(TableError::ItemTooLarge { .. })), "{error}");
}

#[tokio::test]
async fn a_reader_whose_item_was_replaced_meanwhile_gets_what_is_there_now() {
    let (table, _blobs) = with_blobs();
    let key = || document_key(&tenant(), "d1");
    table.create(&tenant(), &document("d1", 1, HUGE)).await.unwrap();
    let stale = table.fetch(key(), Consistency::Eventual).await.unwrap().unwrap();
    table.update(&tenant(), &document("d1", 2, HUGE), 1).await.unwrap();
    let current = table.check_out(stale.clone()).await.unwrap().unwrap();
    assert_eq!(current.decode::<Document>().unwrap().value, document("d1", 2, HUGE));
    table.delete(key()).await.unwrap();
    assert_eq!(table.check_out(stale).await.unwrap(), None);
}

#[tokio::test]
async fn a_blob_that_is_not_what_was_written_is_damage() {
    let (table, blobs) = with_blobs();
    table.create(&tenant(), &document("d1", 1, HUGE)).await.unwrap();
    blobs.0.lock().unwrap().values_mut().for_each(|blob| blob[0] ^= 1);
    let error = table.get::<Document>(document_key(&tenant(), "d1"), Consistency::Eventual).await.unwrap_err();
    assert!(matches!(&error, TableError::Corrupt { what, .. } if what.contains("not what was written")), "{error}");
}

#[tokio::test]
async fn a_blob_that_is_really_gone_is_damage() {
    let (table, blobs) = with_blobs();
    table.create(&tenant(), &document("d1", 1, HUGE)).await.unwrap();
    blobs.0.lock().unwrap().clear();
    let error = table.get::<Document>(document_key(&tenant(), "d1"), Consistency::Eventual).await.unwrap_err();
    assert!(matches!(&error, TableError::Corrupt { what, .. } if what.contains("acme.test/document/")), "{error}");
}
