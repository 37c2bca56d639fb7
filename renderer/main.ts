import '@fontsource-variable/inter/index.css';
import '@fontsource-variable/jetbrains-mono/index.css';
import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { openLink } from './link/open.ts';

// the token is taken out of the address before anything reads the route from it
const link = openLink();
mount(App, { target: document.querySelector('#app')!, props: { link } });
