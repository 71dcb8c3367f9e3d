//! Words are found in whatever language and spelling they were written.

use super::stage::{Stage, document};
use crate::engines::samples::Thread;

/// What was written, what finds it, and what does not.
const TEXTS: [(&str, &[&str], &[&str]); 24] = [
    ("Where is my Order #AB-1234?", &["order", "ORDER", "1234", "ab-1234"], &["ordered"]),
    ("mail jane@example.com please", &["jane@example.com", "jane", "example"], &["john@other.com"]),
    ("error:timeout in my_file.txt", &["timeout", "file", "txt"], &["com"]),
    ("l'ordre n’est pas là", &["ordre", "l'ordre", "l’ordre", "est"], &["or"]),
    ("Die Größe passt nicht", &["größe", "GRÖSSE", "grosse"], &["klein"]),
    ("La créme brûlée était délicieuse", &["creme brulee", "DÉLICIEUSE"], &["tarte"]),
    ("cafe\u{301} de\u{301}ca", &["café", "deca"], &["the\u{301}"]),
    ("İstanbul'a kargo ne kadar", &["istanbul'a", "KARGO"], &["ankara"]),
    ("Tôi muốn hoàn tiền", &["muon hoan tien", "hoàn"], &["giá"]),
    ("Где моя посылка? Ещё ждёт", &["ПОСЫЛКА", "еще", "ждет"], &["цена"]),
    ("Ποια είναι η τιμή; Ο κόσμος", &["ΤΙΜΗ", "τιμη", "κοσμοσ"], &["δώρο"]),
    ("متى يصل الطَّلَبُ رقم ١٢٣", &["الطلب", "123"], &["السعر"]),
    ("سفارش من کجاست", &["سفارش", "كجاست"], &["قیمت"]),
    ("מה המחיר? שָׁלוֹם", &["המחיר", "שלום"], &["משלוח"]),
    ("मेरा ऑर्डर कहाँ है", &["ऑर्डर", "कहाँ"], &["कीमत"]),
    ("আমার অর্ডার কোথায়", &["অর্ডার"], &["দাম"]),
    ("எனது ஆர்டர் எங்கே", &["ஆர்டர்"], &["விலை"]),
    ("我的订单什么时候发货", &["订单", "发货", "单"], &["退款"]),
    ("注文の返金はいつですか", &["返金", "注文の返金", "金"], &["送料"]),
    ("カードで支払えますか ﾎﾟｲﾝﾄ", &["カード", "支払", "ポイント"], &["現金"]),
    ("환불은 언제 되나요", &["환불", "언제"], &["배송"]),
    ("ฉันต้องการทราบราคาสินค้า", &["ราคา", "สินค้า", "ต้องการ"], &["จัดส่ง"]),
    ("ຂ້ອຍຢາກຮູ້ລາຄາ", &["ລາຄາ"], &["ຈັດສົ່ງ"]),
    ("გამარჯობა, რა ღირს", &["ღირს"], &["ფასი"]),
];

#[tokio::test]
async fn words_are_found_in_every_language() {
    let stage = Stage::shared().await;
    let account = Thread::new().account;
    let threads = TEXTS.map(|_| Thread { account, ..Thread::new() });
    let documents = (1..).zip(&threads).zip(TEXTS);
    let documents = documents.map(|((seq, thread), (text, ..))| document(thread, seq, text));
    stage.search.index(documents.collect()).await.expect("indexed");
    let mut faults = Vec::new();
    for (thread, (text, finding, others)) in threads.iter().zip(TEXTS) {
        for query in finding {
            if stage.found(account, query).await.first() != Some(&thread.id) {
                faults.push(format!("{query:?} must find {text:?} first"));
            }
        }
        for query in others {
            if stage.found(account, query).await.contains(&thread.id) {
                faults.push(format!("{query:?} must not find {text:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}\nLook at the analysis in format.rs.", faults.join("\n"));
}
