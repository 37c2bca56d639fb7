import '../../renderer/app.css';
import { render } from 'vitest-browser-svelte';
import App from '../../renderer/App.svelte';
import { fakeLink, type FakeLab } from './fakeLab.ts';

/** The whole app over a lab of the test's, at an address. One that stood there before is gone. Returns its line to the lab. */
export async function showApp(lab: FakeLab, address = '#/build'): Promise<ReturnType<typeof fakeLink>> {
  history.replaceState(null, '', address);
  document.querySelector('#testbed')?.remove();
  const target = document.createElement('div');
  target.id = 'testbed';
  target.style.cssText = 'position: fixed; inset: 0';
  document.body.append(target);
  const made = fakeLink(lab);
  await render(App, { target, props: { link: made.link } });
  return made;
}
