/** What may be talked about, in the studio: personas and practices to read, copy and try; content packs looked over. */

import { node } from "./nodes.js";

const heading = (text) => node("h2", { text, tabindex: "-1" });
const link = (section, ident) => `#/${section}/${encodeURIComponent(ident)}`;
const trying = (practice, persona) => `./?${new URLSearchParams({ practice, ...(persona && { persona }) })}`;

let number = 0;

/** A labelled field; `long` ones have lines. */
function field(label, value, { long = false, required = false } = {}) {
  const id = `field-${(number += 1)}`;
  const input = long ? node("textarea", { id, class: value.length > 400 ? "long" : "" }) : node("input", { id });
  input.value = value;
  input.required = required;
  return { input, nodes: [node("label", { for: id, text: label }), input] };
}

function select(label, options) {
  const id = `field-${(number += 1)}`;
  const input = node("select", { id });
  input.append(...options.map(([text, value]) => new Option(text, value)));
  return { input, nodes: [node("label", { for: id, text: label }), input] };
}

/** A list beside what is chosen of it. */
function split(say, section, items, chosen, detail) {
  const search = field(say("studio.search"), "");
  search.input.type = "search";
  const entries = items.map(({ id, name, about }) => ({
    text: `${name} ${about}`.toLowerCase(),
    entry: node("li", {}, node("a", { href: link(section, id), class: "card", ...(id === chosen && { "aria-current": "true" }) },
      node("span", {}, node("strong", { text: name }), node("span", { class: "soft", text: about })))),
  }));
  search.input.oninput = () => {
    const words = search.input.value.toLowerCase();
    for (const { text, entry } of entries) entry.hidden = !text.includes(words);
  };
  return node("div", { class: "split" },
    node("div", {}, node("div", { class: "fields" }, ...search.nodes), node("ul", { class: "list" }, ...entries.map(({ entry }) => entry))),
    node("div", {}, ...detail));
}

async function allPractices(service) {
  return (await service.post("practice/search", { page_limit: 500 })).practices;
}

/** The practices in which a persona is, with the scenarios of each. */
async function practicesWith(service, persona_id) {
  const { practices } = await service.get("page/offers");
  return practices.filter(({ chats }) => chats.some(({ personas }) => personas.some((one) => one.persona_id === persona_id)));
}

/** Run what a button does; say what came of it. */
function acting({ tell, told, say }, act) {
  return async (event) => {
    event?.preventDefault();
    tell("");
    try {
      await act();
      told(say("studio.copied"));
    } catch (error) {
      tell(error.message);
    }
  };
}

// ----------------------------------------------------------------- personas

export async function personasView(studio, chosen) {
  const { service, say } = studio;
  const { personas } = await service.post("persona/search", { page_limit: 500 });
  const items = personas.map((one) => ({ id: one.persona_id, name: one.name, about: one.description }));
  const detail = chosen ? await personaDetail(studio, chosen) : [node("p", { class: "soft", text: say("studio.choose") })];
  return [heading(say("studio.personas")), split(say, "personas", items, chosen, detail)];
}

async function personaDetail(studio, ident) {
  const { service, say } = studio;
  const [persona, within] = await Promise.all([service.post("persona/get", { id: ident }), practicesWith(service, ident)]);
  const fields = {
    name: field(say("studio.name"), persona.name, { required: true }),
    description: field(say("studio.description"), persona.description),
    greeting: field(say("studio.greeting"), persona.greeting, { long: true }),
    instructions: field(say("studio.instructions"), persona.instructions, { long: true }),
  };
  const language = field(say("studio.language"), persona.voice.language, { required: true });
  const practice = select(say("studio.within"), [...within.map((one) => [one.name, one.practice_id]), [say("studio.nowhere"), ""]]);
  const save = acting(studio, async () => {
    const { icon, color, voice } = persona;
    const values = Object.fromEntries(Object.entries(fields).map(([name, { input }]) => [name, input.value]));
    const made = await service.post("persona/create", { ...values, icon, color, voice: { ...voice, language: language.input.value } });
    if (practice.input.value) {
      const copied = await copyOfPractice(service, practice.input.value, { name: `${practiceName(within, practice.input.value)}: ${values.name}`,
        persona: { [ident]: made.persona_id } });
      location.hash = link("practices", copied.practice_id);
    } else location.hash = link("personas", made.persona_id);
  });
  return [
    node("h3", { text: persona.name }),
    node("div", { class: "row" }, ...within.map((one) =>
      node("a", { href: trying(one.practice_id, ident), text: `${say("studio.try")}: ${one.name}` }))),
    form(save, [...Object.values(fields), language, practice], say, [node("p", { class: "soft", text: say("studio.unscripted") })]),
  ];
}

const practiceName = (practices, ident) => practices.find((one) => one.practice_id === ident).name;

function form(save, fields, say, notes = []) {
  const made = node("form", { class: "fields" }, ...fields.flatMap(({ nodes }) => nodes), ...notes,
    node("div", { class: "row" }, node("button", { class: "main", text: say("studio.copy") })));
  made.onsubmit = save;
  return made;
}

// ---------------------------------------------------------------- practices

export async function practicesView(studio, chosen) {
  const { service, say } = studio;
  const items = (await allPractices(service)).map((one) => ({ id: one.practice_id, name: one.name, about: "" }));
  const detail = chosen ? await practiceDetail(studio, chosen) : [node("p", { class: "soft", text: say("studio.choose") })];
  return [heading(say("studio.practices")), split(say, "practices", items, chosen, detail)];
}

async function practiceDetail(studio, ident) {
  const { service, say } = studio;
  const { practice, simulation, scenarios } = await wholePractice(service, ident);
  const ids = [...new Set(scenarios.flatMap((one) => one.persona_ids))];
  const { personas } = ids.length ? await service.post("persona/search", { ids, page_limit: 500 }) : { personas: [] };
  const names = new Map(personas.map((one) => [one.persona_id, one.name]));
  const name = field(say("studio.name"), practice.name, { required: true });
  const description = field(say("studio.description"), simulation.description);
  const edited = scenarios.map((scenario) => ({
    scenario,
    name: field(say("studio.name"), scenario.name, { required: true }),
    description: field(say("studio.description"), scenario.description),
    problem: field(say("studio.problem"), scenario.problem_statement, { long: true }),
    objectives: field(say("studio.objectives"), scenario.objectives.join("\n"), { long: true }),
  }));
  const save = acting(studio, async () => {
    const changes = new Map(edited.map((one) => [one.scenario.scenario_id, {
      name: one.name.input.value, description: one.description.input.value, problem_statement: one.problem.input.value,
      objectives: one.objectives.input.value.split("\n").map((line) => line.trim()).filter(Boolean),
    }]));
    const made = await copyOfPractice(service, ident, { name: name.input.value, description: description.input.value, changes });
    location.hash = link("practices", made.practice_id);
  });
  const made = node("form", { class: "fields" }, ...name.nodes, ...description.nodes,
    ...edited.flatMap((one, index) => [
      node("h4", { text: say("studio.scenario", { number: index + 1 }) }),
      ...one.name.nodes, ...one.description.nodes, ...one.problem.nodes, ...one.objectives.nodes,
      node("p", { class: "soft", text: `${say("studio.personas.of")}: ` }, ...one.scenario.persona_ids.flatMap((id) => [
        node("a", { href: link("personas", id), text: names.get(id) ?? id }), " (",
        node("a", { href: trying(ident, id), text: `${say("studio.try")}: ${names.get(id) ?? id}` }), ") "])),
    ]),
    node("div", { class: "row" }, node("button", { class: "main", text: say("studio.copy") })));
  made.onsubmit = save;
  return [node("h3", { text: practice.name }), node("p", {}, node("a", { href: trying(ident), text: say("studio.try") })), made];
}

async function wholePractice(service, ident) {
  const practice = await service.post("practice/get", { id: ident });
  const simulation = await service.post("simulation/get", { id: practice.simulation_id });
  const scenarios = await Promise.all(simulation.scenario_ids.map((id) => service.post("scenario/get", { id })));
  return { practice, simulation, scenarios };
}

/** Copy a practice with its scenarios; `persona` names others in their place, `changes` are by scenario. */
async function copyOfPractice(service, ident, { name, description, persona = {}, changes = new Map() }) {
  const { practice, simulation, scenarios } = await wholePractice(service, ident);
  const scenario_ids = [];
  for (const { scenario_id, ...scenario } of scenarios) {
    const kept = Object.entries(scenario).filter(([key]) => key.endsWith("_ids"));
    const made = await service.post("scenario/create", {
      ...Object.fromEntries(kept), name: scenario.name, description: scenario.description, problem_statement: scenario.problem_statement,
      objectives: scenario.objectives, persona_ids: scenario.persona_ids.map((id) => persona[id] ?? id), ...changes.get(scenario_id),
    });
    scenario_ids.push(made.scenario_id);
  }
  const { rubric_id, time_limit_seconds } = simulation;
  const made = await service.post("simulation/create",
    { name, description: description ?? simulation.description, scenario_ids, rubric_id, time_limit_seconds });
  return service.post("practice/create", { name, simulation_id: made.simulation_id, cohort_ids: practice.cohort_ids });
}

// -------------------------------------------------------------------- packs

export async function packsView({ service, say }) {
  const { packs } = await service.get("studio/packs");
  return [
    heading(say("studio.packs")),
    node("p", { class: "soft", text: say("studio.pack.help") }),
    ...packs.flatMap((pack) => [
      node("h3", { text: pack.name || pack.path }),
      node("p", { class: "soft", text: pack.path }),
      pack.problems.length
        ? node("div", {}, node("p", { class: "bad", text: `⚠ ${say("studio.problems")}: ${pack.problems.length}` }),
          node("pre", { tabindex: "0", text: pack.problems.join("\n") }))
        : node("p", { text: `✓ ${say("studio.whole")}` }),
      ...Object.entries(pack.parts).filter(([kind]) => kind !== "resources").map(([kind, names]) =>
        node("details", {}, node("summary", { text: `${kind}: ${names.length}` }), node("p", { text: names.join("; ") }))),
    ]),
  ];
}
