import { gzipSync } from 'node:zlib';

import type { Plugin, Rolldown } from 'vite';

import { firstViewChunk } from './first-view.ts';

type Bundle = Rolldown.OutputBundle;

function initialChunks(bundle: Bundle): Rolldown.OutputChunk[] {
  const found = new Map<string, Rolldown.OutputChunk>();
  const visit = (name: string): void => {
    const chunk = bundle[name];
    if (chunk?.type !== 'chunk' || found.has(name)) return;
    found.set(name, chunk);
    chunk.imports.forEach(visit);
  };
  for (const [name, chunk] of Object.entries(bundle)) {
    if (chunk.type === 'chunk' && chunk.isEntry) visit(name);
  }
  visit(firstViewChunk(bundle).fileName);
  return [...found.values()];
}

/** The scripts of workers, which the first view waits for as well. */
function workers(bundle: Bundle): Rolldown.OutputAsset[] {
  return Object.values(bundle).filter(
    (file): file is Rolldown.OutputAsset => file.type === 'asset' && file.fileName.endsWith('.js'),
  );
}

/** Fails the build when the script needed for the first view, gzipped, is over `limit` bytes. */
export function scriptBudget(limit: number): Plugin {
  return {
    name: 'nowline-script-budget',
    apply: 'build',
    generateBundle(_options, bundle) {
      const scripts = [
        ...initialChunks(bundle).map(({ code }) => code),
        ...workers(bundle).map(({ source }) => source),
      ];
      const sizes = scripts.map((script) => gzipSync(script, { level: 9 }).length);
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const report = `initial script: ${String(total)} bytes gzipped of ${String(limit)} allowed`;
      if (total > limit) this.error(report);
      this.info(report);
    },
  };
}
