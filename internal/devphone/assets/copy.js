// Copying to the clipboard.

// copyText copies a text, and shows the result on a button. A page from another host has no clipboard, unless it has
// https: show then returns an element with the text, which is selected.
export async function copyText(button, text, show) {
  const label = button.dataset.label ??= button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(show());
    button.textContent = 'Selected';
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}
