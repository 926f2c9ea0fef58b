//! Files too large for the table: announced, uploaded, finished, carried over and erased.

use super::*;
use crate::notes::{File, FileId};
use crate::uploads::MAX_UPLOAD;
use testkit::LocalBucket;
use web::bucket::Measure;

const CONTENT: &[u8] = b"a scan of many pages";

/// An order of three that has left, and a bucket for its files.
async fn sent(faults: &FaultInjector, bucket: &LocalBucket) -> (World, OrderId) {
    let mut world = World::through(LocalDynamo::new(), faults).await.stocked(1, 20, 5).await;
    world.sales = world.sales.clone().with_files(Arc::new(bucket.clone()));
    let id = take_in(&world, &intake("x", &[(1, 3)], vec![paid(3003)])).await.id;
    ship_all(&world.sales, &world, id).await.unwrap();
    (world, id)
}

async fn begin(world: &World, order: OrderId, content: Measure) -> Result<(FileId, String), NoteError> {
    let begun = world.sales.begin_upload(&tenant(), order, ("scan.pdf", "application/pdf"), content).await;
    begun.map(|(id, put)| (id, put.url))
}

async fn file(world: &World, order: OrderId, id: FileId) -> Option<File> {
    world.sales.file(&tenant(), order, id).await.unwrap()
}

async fn erase(world: &World) -> Vec<OrderId> {
    world.sales.erase(&tenant(), "usr_ann", ("usr_admin", &cause())).await.unwrap().orders
}

#[tokio::test]
async fn a_file_is_shown_once_what_was_uploaded_is_what_was_announced() {
    let faults = FaultInjector::new();
    let bucket = LocalBucket::through(&faults);
    let (world, order) = sent(&faults, &bucket).await;
    let (id, url) = begin(&world, order, LocalBucket::measure_of(CONTENT)).await.unwrap();
    let tenant = tenant();
    let finish = || world.sales.finish_upload(&tenant, order, id);
    assert!(matches!(finish().await, Err(NoteError::NotUploaded)));
    for other in [&b"a scan of many pagez"[..], b"a scan", b""] {
        bucket.put(&url, other);
        assert!(matches!(finish().await, Err(NoteError::ContentDiffers)), "{other:?}");
        assert_eq!((file(&world, order, id).await, bucket.names().len()), (None, 1), "{other:?}");
    }
    let unfinished = NewNote { key: "k".into(), audience: Audience::Internal, text: "see".into(), files: vec![id] };
    let note = world.sales.write_note(&tenant, &world.order(order).await, unfinished, "usr_bob", &cause()).await;
    assert!(matches!(note, Err(NoteError::NotFound)));
    bucket.put(&url, CONTENT);
    for _ in 0..2 {
        finish().await.unwrap();
    }
    let shown = file(&world, order, id).await.unwrap();
    assert_eq!(shown.claim, Some(LocalBucket::measure_of(CONTENT)));
    let download = world.sales.download(&tenant, &shown).unwrap().unwrap();
    assert!(bucket.names().iter().any(|name| name.starts_with("files/") && download.ends_with(name)));
    // Whoever still has the request can no longer change what is shown.
    bucket.put(&url, b"something else");
    finish().await.unwrap();
    assert_eq!(file(&world, order, id).await.unwrap(), shown);
}

#[tokio::test]
async fn files_that_are_empty_or_too_large_are_not_begun() {
    let faults = FaultInjector::new();
    let bucket = LocalBucket::through(&faults);
    let (world, order) = sent(&faults, &bucket).await;
    for bytes in [0, MAX_UPLOAD + 1, u64::MAX] {
        let content = Measure { bytes, ..LocalBucket::measure_of(CONTENT) };
        assert!(matches!(begin(&world, order, content).await, Err(NoteError::OutOfRange)), "{bytes}");
    }
    assert!(world.items("order-upload").is_empty());
}

#[tokio::test]
async fn an_upload_survives_a_crash_at_any_call_and_erasing_leaves_no_content() {
    let scenario = |faults: FaultInjector| async move {
        let bucket = LocalBucket::through(&faults);
        let (world, order) = sent(&faults, &bucket).await;
        let upload = async || {
            let (id, url) = begin(&world, order, LocalBucket::measure_of(CONTENT)).await.unwrap();
            bucket.put(&url, CONTENT);
            world.sales.finish_upload(&tenant(), order, id).await.unwrap();
            id
        };
        let _died = faults.run(upload()).await;
        faults.restart();
        // Whatever is kept is named beside the order, shown or not.
        let named = world.items("order-upload").len() + world.items("order-file").len();
        let kept = bucket.names().iter().filter(|name| name.starts_with("files/")).count();
        assert!(kept <= named, "{:?}", bucket.names());
        if named > 0 && faults.count().is_multiple_of(2) {
            let id = upload().await;
            assert!(file(&world, order, id).await.is_some());
        }
        let _died = faults.run(erase(&world)).await;
        faults.restart();
        erase(&world).await;
        let left = [world.items("order-upload"), world.items("order-file")].concat();
        assert_eq!((left, bucket.names()), (Vec::new(), Vec::<String>::new()));
        assert_eq!(world.order(order).await.customer, format!("erased:{order}"));
    };
    let points = crash_points(scenario).await;
    assert!(points > 8, "{points}");
}

#[tokio::test]
async fn an_upload_that_is_finished_while_its_customer_is_erased_leaves_nothing() {
    for seed in 0..20 {
        let faults = FaultInjector::new();
        let bucket = LocalBucket::through(&faults);
        let (world, order) = sent(&faults, &bucket).await;
        let (id, url) = begin(&world, order, LocalBucket::measure_of(CONTENT)).await.unwrap();
        bucket.put(&url, CONTENT);
        faults.interleave(seed);
        let tenant = tenant();
        let (finished, erased) = tokio::join!(world.sales.finish_upload(&tenant, order, id), erase(&world));
        assert_eq!(erased, [order], "seed {seed}");
        let left = [world.items("order-upload"), world.items("order-file")].concat();
        assert_eq!((left, bucket.names()), (Vec::new(), Vec::<String>::new()), "seed {seed}: {finished:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn files_go_with_a_duplicate_that_is_merged_and_outlive_it() {
    let faults = FaultInjector::new();
    let bucket = LocalBucket::through(&faults);
    let mut world = World::new().await.stocked(1, 20, 5).await;
    world.sales = world.sales.clone().with_files(Arc::new(bucket.clone()));
    let first = take_in(&world, &intake("first", &[(1, 3)], vec![paid(3003)])).await.id;
    world.clock.advance(std::time::Duration::from_secs(60));
    let second = take_in(&world, &intake("x", &[(1, 3)], vec![card(3003)])).await.id;
    let (id, url) = begin(&world, second, LocalBucket::measure_of(CONTENT)).await.unwrap();
    bucket.put(&url, CONTENT);
    world.sales.finish_upload(&tenant(), second, id).await.unwrap();
    world.sales.judge(&tenant(), second, &Verdict::Merge(Vec::new()), ("usr_admin", &cause()), None).await.unwrap();
    settle(&world, second, &Bank::default()).await;
    assert_eq!(erase(&world).await, [second], "the first one is not at its end");
    let kept = file(&world, first, id).await.unwrap();
    let download = world.sales.download(&tenant(), &kept).unwrap().unwrap();
    assert!(bucket.names().iter().any(|name| download.ends_with(name)), "{:?}", bucket.names());
    assert_eq!(file(&world, second, id).await, None);
}
