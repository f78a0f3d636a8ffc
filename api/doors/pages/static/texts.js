/** The texts of the pages by language: `await texts("es-MX")` takes Spanish, and English for what it lacks. */

export const LANGUAGES = { en: "English", es: "Español" };

const loaded = new Map();

async function table(language) {
  if (!loaded.has(language)) {
    const answer = await fetch(new URL(`texts/${language}.json`, import.meta.url));
    if (!answer.ok) throw new Error(`The texts in ${language} cannot be read.`);
    loaded.set(language, await answer.json());
  }
  return loaded.get(language);
}

/** Return the language of these that fits a BCP 47 tag best; English where none does. */
export function languageOf(tag) {
  const main = (tag || "").toLowerCase().split("-")[0];
  return main in LANGUAGES ? main : "en";
}

/** Return a function that gives the text of a key, with `{name}` filled in; undefined for a key that has none. */
export async function texts(tag) {
  const language = languageOf(tag);
  const [own, english] = [await table(language), await table("en")];
  return Object.assign(
    (key, values = {}) => (own[key] ?? english[key])?.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole),
    { language },
  );
}
