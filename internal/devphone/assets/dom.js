// Elements are made from text alone: nothing that comes from a phone, the service or Redis is ever read as HTML.

// el makes an element. A property that begins with a letter is set as one; what has a dash is an attribute.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes('-') || name === 'role') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// fill replaces what is in an element.
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

export const byID = (id) => document.getElementById(id);

// plural writes a number of things, which stays on one line.
export function plural(n, word) {
  return n === 1 ? `1\u00a0${word}` : `${n}\u00a0${word}s`;
}

// latency writes nanoseconds as milliseconds, to the digit that matters.
export function latency(ns) {
  const ms = ns / 1e6;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}\u00a0ms`;
}

// span writes milliseconds as h:mm:ss.
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

// clock writes a time of day.
export function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

// brief leaves out the middle of a token.
export function brief(value) {
  return value.length > 12 ? `${value.slice(0, 5)}…${value.slice(-4)}` : value;
}
