/** Make an element: `text` is only ever set as text, `onclick` as a property, everything else as an attribute. */
export function node(kind, { text, onclick, ...attributes } = {}, ...children) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (onclick) made.onclick = onclick;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
