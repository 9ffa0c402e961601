import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

import { firstViewOutput, openFirstView } from './scripts/first-view.ts';
import { leaveOutFormats } from './scripts/leave-out-formats.ts';
import { precompress } from './scripts/precompress.ts';
import { scriptBudget } from './scripts/script-budget.ts';

const SERVER = process.env['DEV_SERVER'] ?? 'http://127.0.0.1:8000';
const INITIAL_SCRIPT_BYTES = 105 * 1000;

export default defineConfig({
  plugins: [
    svelte(),
    leaveOutFormats(),
    openFirstView(),
    scriptBudget(INITIAL_SCRIPT_BYTES),
    precompress(),
  ],
  build: {
    outDir: '../src/nowline/api/page',
    emptyOutDir: true,
    target: 'es2022',
    // The page's policy forbids data: everywhere but in images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: firstViewOutput(import.meta.dirname) },
  },
  server: {
    proxy: {
      '/api': { target: SERVER },
      '^/kpi/': { target: SERVER },
      '/ws': { target: SERVER, ws: true },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
