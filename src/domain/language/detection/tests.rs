//! Chat lines as people write them, and what their language is.

use proptest::prelude::*;

use super::*;

const LINES: &[(&str, &str)] = &[
    ("en", "hello"),
    ("en", "hi there"),
    ("en", "thanks!"),
    ("en", "where is my order?"),
    ("en", "what are your opening hours"),
    ("en", "i need help"),
    ("en", "how much does it cost"),
    ("en", "refund please"),
    ("en", "Can I pay by card?"),
    ("en", "ok thank you bye"),
    ("en", "my parcel never arrived 😡"),
    ("en", "do you ship to Brazil"),
    ("es", "hola"),
    ("es", "gracias"),
    ("es", "buenos días"),
    ("es", "¿dónde está mi pedido?"),
    ("es", "cuanto cuesta"),
    ("es", "quiero hablar con una persona"),
    ("es", "a que hora abren"),
    ("es", "necesito ayuda por favor"),
    ("es", "no me ha llegado el paquete"),
    ("es", "quiero devolver esto"),
    ("es", "tienen tienda en Madrid?"),
    ("fr", "bonjour"),
    ("fr", "merci"),
    ("fr", "salut, ça va ?"),
    ("fr", "où est ma commande ?"),
    ("fr", "c'est combien"),
    ("fr", "je veux parler à un humain"),
    ("fr", "vous ouvrez à quelle heure"),
    ("fr", "j'ai besoin d'aide"),
    ("fr", "quels sont vos tarifs ?"),
    ("fr", "livraison en Belgique ?"),
    ("fr", "mon colis est arrivé cassé"),
    ("de", "hallo"),
    ("de", "danke"),
    ("de", "guten Morgen"),
    ("de", "wo ist meine Bestellung?"),
    ("de", "was kostet das"),
    ("de", "ich brauche Hilfe"),
    ("de", "Öffnungszeiten?"),
    ("de", "kann ich mit jemandem sprechen"),
    ("de", "wann macht ihr auf"),
    ("de", "mein Paket ist nicht da"),
    ("de", "Liefern Sie nach Österreich?"),
    ("pt", "olá"),
    ("pt", "obrigado"),
    ("pt", "bom dia"),
    ("pt", "onde está meu pedido?"),
    ("pt", "quanto custa"),
    ("pt", "quero falar com um atendente"),
    ("pt", "vocês abrem no sábado?"),
    ("pt", "não recebi minha encomenda"),
    ("pt", "preciso de ajuda"),
    ("pt", "como faço para devolver"),
    ("pt", "oi tudo bem"),
    ("hi", "नमस्ते"),
    ("hi", "धन्यवाद"),
    ("hi", "मेरा ऑर्डर कहाँ है?"),
    ("hi", "आप कब खुलते हैं"),
    ("hi", "कीमत क्या है"),
    ("hi", "मेरा order कहाँ है"),
    ("hi", "aap kab khulte ho"),
    ("hi", "mera order kahan hai"),
    ("hi", "kya aap madad kar sakte ho"),
    ("hi", "shukriya"),
    ("it", "ciao"),
    ("it", "quanto costa?"),
    ("it", "dov'è il mio ordine?"),
    ("it", "vorrei parlare con un operatore"),
    ("nl", "waar is mijn bestelling?"),
    ("nl", "wat zijn jullie openingstijden"),
    ("nl", "dank je wel"),
    ("ru", "где мой заказ?"),
    ("zh", "你们几点开门？"),
    ("ja", "注文はどこですか"),
    ("ar", "أين طلبي؟"),
    ("tr", "siparişim nerede"),
    ("sv", "var finns paketet som kom igår"),
];

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

#[test]
fn short_chat_lines_are_told_apart() {
    // The default is a language of none of the lines, so that nothing is right by luck.
    let default = language("fi");
    let wrong: Vec<_> = LINES
        .iter()
        .filter(|(tag, line)| detect(line, None, default) != language(tag))
        .map(|(tag, line)| format!("{line:?}: {tag}, not {}", detect(line, None, default)))
        .collect();
    println!("{} of {} right", LINES.len() - wrong.len(), LINES.len());
    assert!(wrong.len() * 100 <= LINES.len() * 3, "of {} lines wrong: {wrong:#?}", LINES.len());
}

#[test]
fn a_text_that_says_nothing_keeps_the_language() {
    for text in [
        "",
        "   ",
        "12345",
        "👍👍",
        "https://www.example.com/hola",
        "a@hola.example",
        "pizza",
        "asdf qwer",
        "jkhsdf kjhsdf",
        "zxcv qwer uiop",
        "qwertz uiop",
        "?!",
    ] {
        assert_eq!(
            detect(text, Some(language("es")), Language::ENGLISH),
            language("es"),
            "{text:?}"
        );
        assert_eq!(detect(text, None, Language::ENGLISH), Language::ENGLISH, "{text:?}");
        assert_eq!(evident(text, None), None, "{text:?}");
    }
}

#[test]
fn a_word_of_two_languages_is_taken_for_the_one_spoken_so_far() {
    for previous in ["es", "pt"] {
        assert_eq!(detect("quanto, para", Some(language("pt")), Language::ENGLISH), language("pt"));
        assert_eq!(detect("como", Some(language(previous)), Language::ENGLISH), language(previous));
    }
}

#[test]
fn one_word_changes_the_language_only_if_it_is_clearly_of_another() {
    assert_eq!(detect("danke", Some(language("es")), Language::ENGLISH), language("de"));
    assert_eq!(detect("नमस्ते", Some(language("de")), Language::ENGLISH), language("hi"));
    assert_eq!(detect("ok", Some(language("de")), Language::ENGLISH), language("de"));
    assert_eq!(detect("Schmidt", Some(language("fr")), Language::ENGLISH), language("fr"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), repeat in 1_usize..60) {
        detect(&text.repeat(repeat), None, Language::ENGLISH);
        detect(&text, Some(HINDI), Language::ENGLISH);
    }
}
