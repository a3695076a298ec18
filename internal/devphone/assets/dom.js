// Elements are made from text only. Text from a phone, the service or Redis is never parsed as HTML.

// el makes an element. It sets role, and each property whose name has a dash, as an attribute.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes('-') || name === 'role') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// fill replaces the content of an element.
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

export const byID = (id) => document.getElementById(id);

// plural formats a number of things, without a line break in between.
export function plural(n, word) {
  return n === 1 ? `1\u00a0${word}` : `${n}\u00a0${word}s`;
}

// latency formats nanoseconds as milliseconds.
export function latency(ns) {
  const ms = ns / 1e6;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}\u00a0ms`;
}

// duration formats milliseconds as h:mm:ss.
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

// timeOfDay formats a time.
export function timeOfDay(time) {
  return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

// shorten leaves out the middle of a token.
export function shorten(token) {
  return token.length > 12 ? `${token.slice(0, 5)}…${token.slice(-4)}` : token;
}
