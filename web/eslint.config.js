import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

import svelteConfig from './svelte.config.js';

// From the bottom up: a folder imports only from folders that stand before it.
const LAYERS = ['series', 'api', 'live', 'ui', 'chart', 'panels', 'dashboard', 'features'];

const CHART_LIBRARY = {
  group: ['uplot', 'uplot/*'],
  message: 'Only chart/ knows the chart library.',
};

function layer(name, index) {
  const above = LAYERS.slice(index + 1).flatMap((folder) => [`**/${folder}/**`]);
  const patterns = [];
  if (above.length) {
    patterns.push({
      group: above,
      message: `${name}/ stands below: ${LAYERS.join(' < ')} < main.`,
    });
  }
  if (name !== 'chart') patterns.push(CHART_LIBRARY);
  return {
    files: [`src/${name}/**/*.{ts,svelte}`],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
}

export default ts.config(
  { ignores: ['node_modules/', 'src/api/types.gen.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig },
    },
  },
  {
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
      'no-restricted-imports': ['error', { patterns: [CHART_LIBRARY] }],
    },
  },
  // Maps and addresses in our state modules are bookkeeping on purpose; what is shown is a rune.
  { files: ['**/*.svelte.ts'], rules: { 'svelte/prefer-svelte-reactivity': 'off' } },
  { files: ['**/*.svelte'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['**/*.test.ts'], rules: { 'max-lines-per-function': 'off' } },
  ...LAYERS.map(layer),
);
