//! Words that give a language away, for texts too short for letter statistics.
//!
//! Each list holds what chat messages are made of: function words, greetings, thanks and the
//! nouns of a shop's everyday questions, written without accents and in lower case. A word may
//! stand in several lists; it then speaks for each of them a little less. Hindi is listed here in
//! Latin letters, as it is often typed; Devanagari is told by its script.

use std::sync::LazyLock;

use fnv::FnvHashMap;

use super::Language;

/// How many languages have a list.
pub(super) const LANGUAGES: usize = 8;

/// The languages that have a list, in the order of the bits of a cue.
pub(super) const LISTED: [Language; LANGUAGES] = [
    Language::ENGLISH,
    Language::of("es"),
    Language::of("fr"),
    Language::of("de"),
    Language::of("pt"),
    Language::of("hi"),
    Language::of("it"),
    Language::of("nl"),
];

const WORDS: [&str; LANGUAGES] = [
    "the a an is are am was were be been do does did done have has had i you he she it we they my \
     your our me us this that these those what when where who why how which can could will would \
     should may not no yes of to in on at for from with and or but if about there here please \
     thanks thank hello hi hey morning evening night bye goodbye help need want get got \
     whats wheres hows dont cant im ive id ill youre order orders price prices pricing cost costs \
     much many long open opening close closed hours shipping delivery return returns refund pay \
     payment human agent today tomorrow any some good great cool nice sure sorry know tell talk \
     speak someone person thx ty cheers more still just now later also too",
    "el la los las un una unos unas de del al y o que en es son soy eres esta estan estoy ser hay \
     tiene tienes tengo tienen ha he han mi mis tu tus su sus nuestro me te se lo le les nos como \
     cuando donde quien cual cuanto cuanta cuantos cuestan cuesta por para con sin pero si no muy \
     mas hola buenos buenas dias tardes noches gracias favor adios ayuda quiero quisiera necesito \
     puedo puede pueden podria hablar persona pedido paquete precio precios horario horarios abren \
     abierto cierran envio envios devolver devolucion reembolso pagar ustedes usted vosotros hoy \
     manana esto eso aqui hasta luego bien vale claro tambien cancelar tarda llega saber alguien \
     llegado abris teneis hacen hora horas tienda envian venden compra dinero tarjeta ofrecen \
     servicios vale aun todavia",
    "le la les un une des du de et ou est sont suis es etes ai as avez ont avons je tu il elle on \
     nous vous ils mon ma mes ton votre vos notre nos ce cet cette ces que qui quoi quel quelle \
     quels quelles quand comment combien pourquoi dans en sur avec sans pour par mais si ne pas \
     plus tres oui non bonjour bonsoir salut merci svp plait revoir aide besoin veux voudrais \
     voudrait puis peux pouvez peut parler quelqu personne humain commande colis prix tarif tarifs \
     coute horaire horaires heure heures ouvert ouverts ouverture ouvrez fermez livraison livrer \
     livrez retour retourner remboursement payer aujourd hui demain beaucoup bien sont cher \
     coucou bientot desole ca aussi faut jour suivi cela magasin boutique vendez faites envoyer \
     demande annuler achat c j l d qu n y moi",
    "der die das ein eine einen einem einer und oder ist sind bin bist war hat habe haben hast ich \
     du er sie es wir ihr mein meine meinen meiner meinem dein deine euer eure ihre ihren unser \
     mich mir dich dir euch uns was wann wo wer wie warum welche welcher welches wieviel viel \
     viele kann konnen koennen konnt kannst will mochte moechte muss nicht kein keine ja nein von \
     zu zum zur in im auf an am fur fuer mit ohne aus bei nach uber ueber aber wenn auch noch \
     schon hallo guten tag morgen abend moin servus gruss danke bitte tschuss tschuess hilfe \
     brauche bestellung paket preis preise kostet kosten geoffnet offnungszeiten offen lieferung \
     liefert lieferzeit versand versendet ruckgabe zuruck zuruckgeben zahlen bezahlen mensch \
     menschen mitarbeiter sprechen heute gibt gut sehr gerne wieder bis dann macht ab um den dem \
     des rechnung jemand jemandem teuer sendung ware bekomme bekommen laden geschaft verkauft seid \
     sagen zeit geld dank vielen lieben herzlichen wiedersehen dankeschon stornieren",
    "o a os as um uma uns umas de do da dos das no na nos nas e ou que em por para com sem mas se \
     nao sim sou es sao esta estao estou ser ha tem tenho tens voce voces meu minha meus minhas \
     seu sua teu tua nosso me te lhe nos como quando onde quem qual quais quanto quanta quantos \
     muito mais ola oi bom boa dia tarde noite obrigado obrigada valeu favor tchau adeus ajuda \
     quero queria gostaria preciso posso pode podem poderia falar pessoa atendente humano pedido \
     pacote encomenda preco precos custa custam horario funcionamento abrem aberto abertos fecham \
     entrega entregas entregam frete envio devolver devolucao reembolso pagar pagamento hoje \
     amanha isso aqui ate logo bem tambem tudo ja fazer pra voces cancelar saber alguem chega \
     chegou atendimento horas loja abre fecha compra dinheiro cartao vendem fazem servicos custo \
     valor ainda",
    "kya hai hain ho hoon hu hun kab kahan kaha kaise kaun kyun kyu kitna kitne kitni kaunsi mera \
     meri mere mujhe mujhko main mai hum hame aap aapka aapki aapke aapko tum tumhara tera teri ka \
     ki ke ko se mein par aur ya nahi nahin nhi haan han ji bhai yaar namaste namaskar shukriya \
     dhanyavaad dhanyawad alvida chahiye chahta chahti karna karo kar karte karein karen kijiye \
     sakta sakte sakti tha thi the raha rahi rahe gaya gayi aaya aayega aaega milega batao bataiye \
     bata dijiye do khulta khulte khulti band kharid paisa paise wapas vapas bhejo lagega lagta \
     lagte hota hoti hote wala wali insaan kisi koi baat abhi aaj kal kuch liye samay daam kimat \
     keemat dukan madad din hogi hoga kare dena chalo kijie bhej mila milta mangwana sabhi thik \
     theek accha acha",
    "il lo la i gli le un uno una di del della dei delle da dal in nel nella con su per tra e o \
     che non si sono sei e siamo siete ho hai ha abbiamo avete mio mia miei tuo tua suo vostro \
     vostra vostri mi ti ci vi come quando dove chi quale quali quanto quanta quanti costa costano \
     perche molto piu anche ma ciao buongiorno buonasera buona salve grazie prego arrivederci \
     favore aiuto vorrei voglio posso puo potete parlare persona operatore ordine pacco prezzo \
     prezzi orari orario apertura aprite chiudete aperti aperto spedizione consegna reso rimborso \
     pagare oggi domani questo questa qui bene sapere sto avere cosa dov qualcuno arrivato",
    "de het een en of is zijn ben bent was heb heeft hebben hebt ik jij je hij zij ze wij we \
     jullie u mijn jouw uw ons onze dit dat deze die wat wanneer waar wie waarom hoe welke hoeveel \
     kan kunt kunnen wil zal moet niet geen ja nee van naar in op aan voor met zonder uit bij over \
     maar als ook nog hallo hoi goedemorgen goedemiddag goedenavond goedendag dag dank bedankt \
     dankjewel alstublieft doei hulp nodig graag bestelling pakket prijs prijzen kost kosten \
     openingstijden open gesloten geopend levering bezorging verzending retour retourneren terug \
     terugsturen betalen mens medewerker spreken praten iemand vandaag morgen veel goed zeer er \
     wel mag",
];

static CUES: LazyLock<FnvHashMap<&'static str, u8>> = LazyLock::new(|| {
    let mut cues = FnvHashMap::default();
    for (bit, words) in WORDS.iter().enumerate() {
        for word in words.split_whitespace() {
            *cues.entry(word).or_default() |= 1 << bit;
        }
    }
    cues
});

/// Returns the languages a folded word speaks for, a bit for each place in [`LISTED`].
pub(super) fn languages_of(word: &str) -> u8 {
    CUES.get(word).copied().unwrap_or_default()
}

/// Returns the languages whose texts show this lower-case letter or mark, others seldom.
pub(super) fn languages_of_letter(letter: char) -> u8 {
    const ES: u8 = 1 << 1;
    const FR: u8 = 1 << 2;
    const DE: u8 = 1 << 3;
    const PT: u8 = 1 << 4;
    const IT: u8 = 1 << 6;
    match letter {
        'ñ' | '¿' | '¡' => ES,
        'ã' | 'õ' => PT,
        'ß' | 'ä' | 'ö' => DE,
        'ü' => DE | ES,
        'œ' | 'ë' | 'ï' | 'î' | 'û' => FR,
        'è' => FR | IT,
        'ù' | 'ò' | 'ì' => IT | FR,
        'â' | 'ê' | 'ô' | 'ç' | 'à' => FR | PT,
        'í' | 'ó' | 'ú' | 'á' => ES | PT,
        'é' => ES | PT | FR,
        _ => 0,
    }
}
