//! Words that carry the grammar of a question but not its subject.
//!
//! They count little when a question is compared with the examples: "what is the" is in half of all
//! questions. Words that ask for something in particular ("when", "how much") are left out of the
//! lists on purpose. A language without a list still works, by the weights the examples give.

use std::sync::LazyLock;

use fnv::FnvHashMap;

use crate::domain::language::Language;

const LISTS: [(Language, &str); 6] = [
    (
        Language::of("en"),
        "a an the this that these those and or but if so i im ive id ill you your youre yours u ur \
         he she it its we were they them their my mine me our us is are am was be been being do \
         does did doing done have has had having can could will would shall should may might must \
         to of in on at for from with by as about into there here what whats which please pls just \
         some any need want like know tell give get got let make not no also too very really now \
         then up guys d ll s t re ve m hi hey hello lets wanna gonna still yet ok okay one",
    ),
    (
        Language::of("es"),
        "el la los las lo un una unos unas de del al a y o u e que en es son soy eres esta este \
         esto estan estoy ese esa eso ser hay ha he han mi mis tu tus su sus nuestro me te se le \
         les nos yo usted ustedes para por con sin pero si no muy mas ya como cual cuales favor \
         quiero quisiera querria necesito puedo puede pueden podria podrian gustaria tengo tiene \
         tienen saber decir dime digame hacer algo hola aun todavia ok",
    ),
    (
        Language::of("fr"),
        "le la les l un une des du de d et ou est sont suis es etes ai as a avez ont avons je j tu \
         il elle on nous vous ils mon ma mes ton votre vos notre nos ce c cet cette ces ca se s \
         que qu qui quoi quel quelle quels quelles dans en sur avec sans pour par mais si ne n pas \
         plus tres m me te t moi toi y au aux svp plait veux voudrais voudrait puis peux pouvez \
         peut aimerais souhaite souhaiterais faire faites dire savoir dites besoin bien etre avoir \
         faut",
    ),
    (
        Language::of("de"),
        "der die das den dem des ein eine einen einem einer eines und oder ist sind seid bin bist \
         war hat habe haben hast ich du er sie es wir ihr mein meine meinen meiner meinem dein \
         deine euer eure ihre ihren unser unsere mich mir dich dir euch uns was welche welcher \
         welches kann konnen koennen konnt konnte kannst will mochte moechte wurde gern gerne soll \
         muss nicht von zu zum zur in im an am auf fur fuer mit ohne aus bei nach uber ueber aber \
         wenn auch noch schon bitte mal denn man so da hier es gibt gib brauche wissen sagen \
         machen als um etwas immer doch mir bin eigentlich ok okay nennen werden wird",
    ),
    (
        Language::of("pt"),
        "o a os as um uma uns umas de do da dos das no na nos nas e ou que em por para pra com sem \
         mas se nao sim sou es sao esta estao estou isso isto este esse essa ser ha tem tenho tens \
         voce voces vcs vc eu meu minha meus minhas seu sua teu tua nosso me te lhe ao aos muito \
         mais ja como qual quais favor quero queria gostaria preciso posso pode podem poderia \
         poderiam saber dizer diga fazer faco algum alguma disso ok",
    ),
    (
        Language::of("hi"),
        "है हैं हूं हो था थी थे का की के को से में पर और या यह वह ये वो मैं मुझे मुझको मेरा मेरी \
         मेरे हम हमें आप आपका आपकी आपके आपको तुम तुम्हारा क्या जी ही भी तो ने कि कृपया चाहिए चाहता \
         चाहती चाहते सकता सकती सकते कर करना करने करें करते करता करती होता होती होते रहा रही रहे \
         गया गई गए बताइए बताओ बताएं बता दीजिए दो कुछ कोई एक इस उस लिए बारे अपना अपनी अपने hai hain \
         ho hoon hu hun ka ki ke ko se mein me par aur ya yeh woh main mujhe mera meri mere hum \
         aap aapka aapki aapke aapko tum kya ji hi bhi to ne please kripya chahiye chahta chahti \
         sakta sakti sakte kar karna karne karte raha rahi rahe gaya gayi batao bataiye bata \
         dijiye do kuch koi ek is us liye apna apni",
    ),
];

static STOP_WORDS: LazyLock<FnvHashMap<&'static str, u8>> = LazyLock::new(|| {
    let mut stop_words = FnvHashMap::default();
    for (bit, (_, words)) in LISTS.iter().enumerate() {
        for word in words.split_whitespace() {
            *stop_words.entry(word).or_default() |= 1 << bit;
        }
    }
    stop_words
});

/// Whether a normalised word is a stop word of a language.
pub(super) fn is_stop_word(word: &str, language: Language) -> bool {
    let languages = STOP_WORDS.get(word).copied().unwrap_or_default();
    LISTS
        .iter()
        .position(|(listed, _)| *listed == language)
        .is_some_and(|b| languages & 1 << b != 0)
}

#[cfg(test)]
mod tests {
    use super::super::words::Words;
    use super::*;

    #[test]
    fn every_stop_word_is_written_as_messages_are_read() {
        for (language, words) in LISTS {
            for word in words.split_whitespace() {
                let read = Words::read(word);
                assert_eq!(read.phrase(0..read.len()), word, "in {language}");
            }
        }
    }
}
