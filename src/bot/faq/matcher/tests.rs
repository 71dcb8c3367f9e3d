//! What the demo bot answers, said in sentences.

use proptest::prelude::*;

use super::super::{demo, pieces};
use super::*;

fn faq() -> Faq {
    Faq::compile(&demo()).unwrap()
}

fn lang(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

#[track_caller]
fn asked(message: &str, expected: &str) {
    let faq = faq();
    let got = match faq.answer(message, None).outcome {
        Decision::Reply { intent, .. } => intent,
        Decision::HandOver => "HandOver",
        Decision::Unknown => "Unknown",
    };
    assert_eq!(got, expected, "for {message:?}");
}

#[test]
fn common_questions_find_their_intent() {
    for (message, intent) in [
        ("what are your opening hours?", "business_hours"),
        ("What are your business hours?", "business_hours"),
        ("where is my order?", "order_status"),
        ("Tell me about your services", "services"),
        ("Hello", "greeting"),
        ("Hi", "greeting"),
        ("how much does it cost", "pricing"),
        ("Do you ship to Spain?", "shipping"),
        ("HOW DO I GET A REFUND???", "returns"),
    ] {
        asked(message, intent);
    }
}

#[test]
fn typos_and_missing_accents_do_not_matter() {
    asked("wehre is my ordr", "order_status");
    asked("whats ur busines hours", "business_hours");
    asked("donde esta mi pedido", "order_status");
    asked("offnungszeiten", "business_hours");
    asked("QUELS SONT VOS HORAIRES D OUVERTURE", "business_hours");
}

#[test]
fn a_wish_for_a_person_comes_before_everything() {
    for message in [
        "I want to talk to a human",
        "agent please",
        "Hi, where is my order? I'd rather speak to a real person!",
        "quiero hablar con una persona",
        "je veux parler à un humain",
        "ich möchte mit einem Menschen sprechen",
        "quero falar com um atendente",
        "मुझे किसी इंसान से बात करनी है",
    ] {
        asked(message, "HandOver");
    }
}

#[test]
fn mentioning_agents_and_people_is_no_wish_for_one() {
    for message in [
        "do you have a travel agent service?",
        "how many people work there",
        "Is this cleaning agent safe for wood?",
    ] {
        assert_ne!(faq().answer(message, None).outcome, Decision::HandOver, "{message}");
    }
}

#[test]
fn small_talk_gives_way_to_the_question() {
    asked("Hi, where is my order?", "order_status");
    asked("hello when are you open thanks", "business_hours");
    asked("Good morning! How much is shipping? Thank you!", "shipping");
    asked("Thanks a lot, bye", "goodbye");
}

#[test]
fn a_greeting_is_no_answer_to_a_question_it_comes_with() {
    asked("Hi, I need help with billing.", "greeting");
    asked("Hello, what is the capital of France?", "Unknown");
}

#[test]
fn a_message_without_words_is_unknown_and_keeps_the_language() {
    for message in ["", "   ", "👍", "12345", "https://example.com/order"] {
        let faq = faq();
        let answer = faq.answer(message, Some(lang("de")));
        assert_eq!(answer, Answer { language: lang("de"), outcome: Decision::Unknown });
    }
}

#[test]
fn the_answer_is_in_the_language_of_the_question() {
    let demo = demo();
    let faq = faq();
    for (language, question) in [
        ("en", "when are you open?"),
        ("es", "¿a qué hora abren?"),
        ("fr", "quels sont vos horaires ?"),
        ("de", "wann habt ihr geöffnet?"),
        ("pt", "que horas vocês abrem?"),
        ("hi", "आप कब खुलते हैं?"),
        ("hi", "aap kab khulte ho"),
    ] {
        let language = lang(language);
        let text = demo.intents[0].answers[&language].as_str();
        let outcome = Decision::Reply { intent: "business_hours", text, choices: &[] };
        assert_eq!(faq.answer(question, None), Answer { language, outcome });
    }
}

#[test]
fn a_word_of_the_examples_tells_the_language_where_nothing_else_does() {
    let faq = faq();
    assert_eq!(faq.answer("Sendungsverfolgung", None).language, lang("de"));
    assert_eq!(faq.answer("seguimiento", None).language, lang("es"));
}

#[test]
fn a_language_without_an_answer_gets_the_default_one() {
    let mut demo = demo();
    let english = demo.intents[0].answers[&Language::ENGLISH].clone();
    demo.intents[0].answers.remove(&lang("de"));
    demo.fallback.remove(&lang("de"));
    let faq = Faq::compile(&demo).unwrap();
    let answer = faq.answer("Wann habt ihr geöffnet?", None);
    assert_eq!(answer.language, lang("de"));
    let outcome = Decision::Reply { intent: "business_hours", text: &english, choices: &[] };
    assert_eq!(answer.outcome, outcome);
    assert_eq!(faq.fallback(lang("de")), demo.fallback[&Language::ENGLISH]);
}

#[test]
fn the_demo_says_when_it_is_open_first() {
    let demo = demo();
    assert!(
        demo.intents[0].answers[&Language::ENGLISH].starts_with("We're open 9am-5pm on weekdays.")
    );
    let languages: Vec<_> = demo.fallback.keys().collect();
    for intent in &demo.intents {
        assert_eq!(intent.answers.keys().collect::<Vec<_>>(), languages, "{}", intent.name);
        assert_eq!(intent.examples.keys().collect::<Vec<_>>(), languages, "{}", intent.name);
    }
}

#[test]
fn every_example_of_the_demo_finds_its_own_intent() {
    let faq = faq();
    for intent in demo().intents {
        for (language, example) in
            intent.examples.iter().flat_map(|(l, e)| e.iter().map(move |e| (*l, e)))
        {
            let answer = faq.answer(example, Some(language));
            let Decision::Reply { intent: got, .. } = answer.outcome else {
                panic!("{example:?} ({language}) is not answered");
            };
            assert_eq!(got, intent.name, "{example:?} ({language})");
        }
    }
}

#[test]
fn a_message_of_ten_thousand_characters_is_answered() {
    asked(&"blah ".repeat(2_000), "Unknown");
    asked(&format!("where is my order? {}", "x".repeat(10_000)), "order_status");
    asked(&"?!".repeat(5_000), "Unknown");
}

#[test]
fn a_definition_survives_json_and_has_a_schema() {
    let json = serde_json::to_string(&demo()).unwrap();
    assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), demo());
    let schema = serde_json::to_string(&schemars::schema_for!(Definition)).unwrap();
    assert!(schema.contains("\"maximum\":1000"), "{schema}");
}

#[test]
fn small_talk_has_an_answer_in_every_language_of_the_demo() {
    let faq = faq();
    let wrong: Vec<_> = [
        ("en", "capabilities", "What can you do?"),
        ("es", "capabilities", "¿qué puedes hacer?"),
        ("fr", "capabilities", "que peux-tu faire ?"),
        ("de", "capabilities", "was kannst du?"),
        ("pt", "capabilities", "o que você pode fazer?"),
        ("hi", "capabilities", "आप क्या कर सकते हैं?"),
        ("en", "goodbye", "thanks, bye"),
        ("es", "goodbye", "gracias, adiós"),
        ("fr", "goodbye", "merci, au revoir"),
        ("de", "goodbye", "danke, tschüss"),
        ("pt", "goodbye", "obrigado, tchau"),
        ("hi", "goodbye", "धन्यवाद, अलविदा"),
        ("en", "greeting", "how are you?"),
        ("es", "greeting", "¿cómo estás?"),
        ("fr", "greeting", "comment ça va ?"),
        ("de", "greeting", "wie geht es dir?"),
        ("pt", "greeting", "tudo bem?"),
        ("hi", "greeting", "आप कैसे हैं?"),
        ("en", "identity", "are you a robot"),
        ("es", "identity", "¿eres un robot?"),
        ("fr", "identity", "tu es un robot ?"),
        ("de", "identity", "bist du ein roboter?"),
        ("pt", "identity", "você é um robô?"),
        ("hi", "identity", "क्या आप रोबोट हैं?"),
        ("en", "identity", "who are you?"),
        ("es", "identity", "¿quién eres?"),
        ("fr", "identity", "qui êtes-vous ?"),
        ("de", "identity", "wer bist du?"),
        ("pt", "identity", "quem é você?"),
        ("hi", "identity", "आप कौन हैं?"),
    ]
    .into_iter()
    .filter_map(|(language, expected, message)| {
        let answer = faq.answer(message, None);
        let right = matches!(answer.outcome, Decision::Reply { intent, .. } if intent == expected);
        (!right || answer.language != lang(language)).then(|| format!("{message}: {answer:?}"))
    })
    .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn mere_keys_are_in_the_language_of_the_conversation() {
    let faq = faq();
    assert_eq!(faq.answer("asdf qwer", None).language, Language::ENGLISH);
    assert_eq!(faq.answer("asdf qwer", Some(lang("pt"))).language, lang("pt"));
}

#[test]
fn choices_are_offered_in_the_askers_language_and_each_has_an_answer() {
    let faq = faq();
    for (language, choices) in demo().choices {
        assert_eq!(faq.choices(language), choices);
        for choice in &choices {
            let outcome = faq.answer(choice, None).outcome;
            assert!(matches!(outcome, Decision::Reply { .. }), "{choice}: {outcome:?}");
        }
    }
    assert_eq!(faq.choices(lang("fi")), faq.choices(Language::ENGLISH));
    let Decision::Reply { choices, .. } = faq.answer("what can you do?", None).outcome else {
        panic!("it knows what it can do");
    };
    assert_eq!(choices, faq.choices(Language::ENGLISH));
}

#[test]
fn a_choice_that_the_bot_does_not_understand_is_refused() {
    let mut demo = demo();
    let english = demo.choices.get_mut(&Language::ENGLISH).unwrap();
    english[1] = "frobnicate quux".to_owned();
    let faults = Faq::compile(&demo).unwrap_err().to_string();
    assert_eq!(faults, "choices.en[1]: has no answer");
}

proptest! {
    #[test]
    fn no_message_makes_it_panic(message in any::<String>(), words in "[a-zé '?.,\u{900}-\u{97f}一-十]{0,200}") {
        thread_local!(static FAQ: Faq = faq());
        FAQ.with(|faq| {
            for text in [&message, &words] {
                if let Decision::Reply { text, .. } = faq.answer(text, None).outcome {
                    assert!(pieces(text).count() > 0);
                }
            }
        });
    }
}

/// Two intents of eight phrases, as somebody writes on the first day.
fn small() -> Faq {
    let examples: [(&str, &[&str]); 2] = [
        (
            "business_hours",
            &[
                "When are you open?",
                "What are your opening hours?",
                "When do you close?",
                "Are you open on Saturday?",
                "Until what time are you open?",
                "Is the shop open on Sundays?",
                "Business hours",
                "What are your hours?",
            ],
        ),
        (
            "order_status",
            &[
                "Where is my order?",
                "Track my parcel",
                "When does my package arrive?",
                "My order has not come",
                "Do you know when my parcel comes?",
                "Order status",
                "Has my order been sent?",
                "How long until my parcel is here?",
            ],
        ),
    ];
    let intent = |(name, phrases): (&str, &[&str])| {
        let (examples, answers) =
            (serde_json::json!({ "en": phrases }), serde_json::json!({ "en": name }));
        serde_json::json!({ "name": name, "examples": examples, "answers": answers })
    };
    let definition = serde_json::json!({
        "name": "Acme", "default_language": "en", "fallback": { "en": "?" },
        "intents": examples.map(intent),
    });
    Faq::compile(&serde_json::from_value(definition).expect("a definition")).expect("a bot")
}

#[test]
fn a_small_bot_answers_nothing_of_which_it_knows_only_the_common_words() {
    let faq = small();
    for asked in [
        "do you sell bicycles?",
        "Do you take PayPal?",
        "do you have shoes",
        "what is the weather like",
        "can I pay by card",
        "who is the president",
        "are you hiring?",
        "do you ship to France?",
        "how old are you",
        "what is your name",
    ] {
        assert_eq!(faq.answer(asked, None).outcome, Decision::Unknown, "{asked}");
    }
    for (asked, about) in [
        ("opening times please", "business_hours"),
        ("when do you open tomorrow", "business_hours"),
        ("my parcel is late", "order_status"),
        ("parcel not arrived", "order_status"),
        ("can you tell me where my package is", "order_status"),
    ] {
        assert_eq!(faq.intent_of(asked, Language::ENGLISH), Some(about), "{asked}");
    }
}
