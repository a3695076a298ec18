// The command that sends the signed request of an exchange once more.
import { pairs } from './parts.js';

// curl chooses these itself, or would print a compressed body.
const left = new Set(['host', 'content-length', 'accept-encoding', 'connection']);

// curlCommand returns a command for a POSIX shell.
export function curlCommand(x) {
  const headers = pairs(x.request_header).filter(([name]) => !left.has(name.toLowerCase()));
  return [
    `curl ${quote(x.address || x.url)}`,
    ...(x.method === 'POST' ? [] : [`-X ${x.method}`]),
    ...headers.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...(x.method === 'POST' ? [`--data-raw ${quote(x.request_body)}`] : []),
  ].join(' \\\n  ');
}

// quote quotes a text for a POSIX shell.
function quote(text) {
  return `'${text.replaceAll('\'', '\'\\\'\'')}'`;
}
