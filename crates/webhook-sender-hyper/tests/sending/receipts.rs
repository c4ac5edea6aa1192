//! The `webhook-receipt` of an answer, in whatever form it comes. Proxies and frameworks have been reported to change the case of names, to
//! send a header twice, to join two into one, to fold lines, and to put bytes into values that are no text.

use webhook_domain::delivery::attempt::AttemptOutcome;
use webhook_domain::ports::Sender as _;
use webhook_domain::signing::receipt::{Receipt, ReceiptHeader};

use crate::fixtures::{answered, parcel};
use crate::scripted::Act::{Hang, Read};
use crate::scripted::{Scripted, say, sender};

/// What comes of an answer with this status and these header lines.
async fn receipt_in(status: &str, lines: &[u8], body: &str) -> (AttemptOutcome, Option<ReceiptHeader>) {
    let status_line = format!("HTTP/1.1 {status}\r\n");
    let answer = [status_line.as_bytes(), lines, b"\r\n", body.as_bytes()].concat();
    let script = vec![Read, say(answer), Hang];
    let receiver = Scripted::start(vec![script]).await;
    let url = format!("http://{}/hook", receiver.address);
    let response = sender().send(parcel(&url).unwrap()).await.unwrap();
    (response.outcome, response.receipt)
}

#[tokio::test]
async fn the_first_receipt_of_a_2xx_is_read_and_nothing_else_is_taken_for_one() {
    let right = "v1,DEDP6eaQ3b5bFlOM33WNOUDfIHQ4JZ2ZYvnb62ArlNE=";
    let legible = Some(ReceiptHeader::Legible(Receipt::parse(right.as_bytes()).unwrap()));
    let illegible = Some(ReceiptHeader::Illegible);
    let end = "content-length: 0\r\n";
    let (head, tail) = right.split_at(20);
    for (lines, expected) in [
        (String::new(), None),
        (format!("webhook-receipt: {right}\r\n"), legible),
        (format!("Webhook-Receipt:{right}\r\n"), legible),
        (format!("WEBHOOK-RECEIPT: \t {right} \t\r\n"), legible),
        (format!("webhook-receipt : {right}\r\n"), legible),
        (format!("webhook_receipt: {right}\r\n"), None),
        (format!("x-webhook-receipt: {right}\r\n"), None),
        (
            format!("webhook-receipt: {right}\r\nwebhook-receipt: {right}\r\n"),
            legible,
        ),
        (
            format!("webhook-receipt: {right}\r\nwebhook-receipt: v1,no\r\n"),
            legible,
        ),
        (
            format!("webhook-receipt: v1,no\r\nwebhook-receipt: {right}\r\n"),
            illegible,
        ),
        (
            format!("webhook-receipt:\r\nwebhook-receipt: {right}\r\n"),
            illegible,
        ),
        (format!("webhook-receipt: {right}, {right}\r\n"), illegible),
        (format!("webhook-receipt: {head}\r\n {tail}\r\n"), illegible),
        (format!("webhook-receipt: \"{right}\"\r\n"), illegible),
        (format!("webhook-receipt: {right}\u{e9}\r\n"), illegible),
        (
            format!("webhook-receipt: {}\r\n", "v1,".to_owned() + &"A".repeat(100_000)),
            illegible,
        ),
    ] {
        let shown: String = lines.chars().take(200).collect();
        let (outcome, receipt) = receipt_in("200 OK", format!("{lines}{end}").as_bytes(), "").await;
        assert_eq!((outcome, receipt), (answered(200), expected), "{shown}");
    }
    let latin_1 = [b"webhook-receipt: v1,caf\xe9\r\n", end.as_bytes()].concat();
    assert_eq!(
        receipt_in("202 OK", &latin_1, "").await,
        (answered(202), illegible)
    );

    let lines = format!("webhook-receipt: {right}\r\ncontent-length: 0\r\n");
    for status in [301_u16, 401, 410, 500] {
        let (outcome, receipt) = receipt_in(&format!("{status} No"), lines.as_bytes(), "").await;
        assert_eq!((outcome, receipt), (answered(status), None));
    }
    let early = format!("103 Early Hints\r\nwebhook-receipt: {right}\r\n\r\nHTTP/1.1 204 No Content");
    assert_eq!(receipt_in(&early, b"", "").await, (answered(204), None));
    let trailer = format!("0\r\nwebhook-receipt: {right}\r\n\r\n");
    let chunked = b"transfer-encoding: chunked\r\ntrailer: webhook-receipt\r\n";
    assert_eq!(
        receipt_in("200 OK", chunked, &trailer).await,
        (answered(200), None)
    );
}
