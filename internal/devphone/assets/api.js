// Calls of the server. If a call fails, it throws an Error with a sentence for the person.

async function call(path, init) {
  let response;
  try {
    response = await fetch(path, { cache: 'no-store', ...init });
  } catch {
    throw new Error('The service does not answer.');
  }
  if (!response.ok) {
    const error = new Error((await response.text()).trim() || `The service answered ${response.status}.`);
    error.status = response.status;
    throw error;
  }
  return response.json();
}

export function get(path, query = {}) {
  return call(`${path}?${new URLSearchParams(query)}`);
}

export function post(path, body) {
  return call(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}
