import type { Handlers } from '../app.ts';
import { templates } from './index.ts';

export function architectureHandlers(): Handlers {
  return { 'templates.list': () => [...templates] };
}
