/** What the pages ask of the service besides the call. */

export class Service {
  #token;

  constructor(token) {
    this.#token = token;
  }

  get token() { return this.#token; }

  get(path) { return this.#ask("GET", path); }

  post(path, body = {}) { return this.#ask("POST", path, body); }

  async text(path) { return (await this.#answer("GET", path)).text(); }

  async blob(path) { return (await this.#answer("GET", path)).blob(); }

  async #ask(method, path, body) {
    return (await this.#answer(method, path, body)).json().catch(() => ({}));
  }

  async #answer(method, path, body) {
    const headers = { Authorization: `Bearer ${this.#token}` };
    if (body) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
    } catch (error) {
      throw new Refused(0, "The service cannot be reached.", error);
    }
    if (!answer.ok) {
      const found = await answer.json().catch(() => ({}));
      throw new Refused(answer.status, sentence(found) ?? `The service answered ${answer.status}.`);
    }
    return answer;
  }
}

export class Refused extends Error {
  constructor(status, message, cause) {
    super(message, { cause });
    this.status = status;
  }
}

function sentence({ detail }) {
  if (Array.isArray(detail)) return detail.map((one) => one.msg).join(" ");
  return typeof detail === "string" ? detail : undefined;
}

/** Exchange the code of a link for a token. */
export async function redeem(code) {
  const answer = await fetch("page/session", { method: "POST", body: code });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, sentence(found) ?? "The link does not open anything.");
  return found.token;
}

/** Take what a link opens out of the address, so that it is in no history and no bookmark. */
export function taken() {
  const opens = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return opens;
}

/** Save a file that the service made. */
export function save({ content, file_name, mime_type }) {
  const bytes = mime_type.startsWith("audio/") ? Uint8Array.from(atob(content), (one) => one.charCodeAt(0)) : content;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: mime_type }));
  link.download = file_name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
