import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { toasts } from './lib/toasts.svelte.ts';

mount(App, { target: document.getElementById('app') as HTMLElement });

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  // Without one the app works, though not when it is opened without a network: nothing to bother anybody with.
  navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' }).catch(() => undefined);
}

// A part of the app that is loaded when needed, and is gone from the server since.
addEventListener('vite:preloadError', (event) => {
  event.preventDefault();
  toasts.problem('There is a newer version of this page. Load it again to go on.', {
    label: 'Load again',
    run: () => location.reload(),
  });
});
