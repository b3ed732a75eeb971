// Elements from code: text becomes text nodes and nothing else, so what a model wrote cannot become markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) throw new Error("handlers are added by listen()");
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function listen(element, events) {
  for (const [name, handler] of Object.entries(events)) element.addEventListener(name, handler);
  return element;
}

// Sets text only where it changed: readers of the screen and selections are left in peace.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  return element;
}
