import type { HtmlTagDescriptor, Plugin, Rolldown } from 'vite';

type Output = Rolldown.OutputOptions;
type Group = NonNullable<Exclude<Output['codeSplitting'], boolean | undefined>['groups']>[number];
type Context = Parameters<Extract<Group['name'], (...given: never[]) => unknown>>[1];

/** The chunk of all that the first view is made of. */
const VIEW = 'view';
const ROOT = '/src/page.ts';
/**
 * Holds an error that Svelte makes as it is loaded. Where somebody watches the page (developer
 * tools, a measurement), its place is looked up, for which all of its file is read once more.
 */
const EARLY_ERROR = /svelte\/src\/internal\/client\/constants\.js$/;

/**
 * Tells V8 to compile all functions of a file beside the main thread, while it comes in, and not
 * one by one when they are called first: https://v8.dev/blog/explicit-compile-hints.
 */
const COMPILE_ALL = '//# allFunctionsCalledOnLoad';

/** A module and all that it imports, but for what it loads later. */
function closureOf(root: string, context: Context): Set<string> {
  const found = new Set([root]);
  for (const id of found) {
    for (const next of context.getModuleInfo(id)?.importedIds ?? []) found.add(next);
  }
  return found;
}

function groups(root: string): Group[] {
  let view: Set<string> | null = null;
  return [
    { name: 'early', test: EARLY_ERROR, priority: 3 },
    { name: 'start', tags: ['$initial'], priority: 2 },
    {
      name: (id, context) => {
        view ??= closureOf(root + ROOT, context);
        return view.has(id) ? VIEW : null;
      },
      priority: 1,
    },
  ];
}

/**
 * Puts the first view into one file, and what is loaded before it into another: each file costs a
 * request, and a browser's main thread more time than a reader's network.
 */
export function firstViewOutput(root: string): Output {
  return { codeSplitting: { groups: groups(root) } };
}

export function firstViewChunk(bundle: Rolldown.OutputBundle): Rolldown.OutputChunk {
  for (const file of Object.values(bundle)) {
    if (file.type === 'chunk' && file.name === VIEW) return file;
  }
  throw new Error(`There is no chunk of the name ${VIEW}.`);
}

/** Has the browser fetch and compile the first view at once, not when it is asked for. */
export function openFirstView(): Plugin {
  const link = (rel: string, path: string): HtmlTagDescriptor => ({
    tag: 'link',
    attrs: { rel, crossorigin: true, href: `/${path}` },
    injectTo: 'head',
  });
  return {
    name: 'nowline-first-view',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const view = firstViewChunk(bundle);
        view.code = `${COMPILE_ALL}\n${view.code}`;
      },
    },
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        if (!bundle) return [];
        const { fileName, imports, viteMetadata } = firstViewChunk(bundle);
        const others = imports.filter((path) => !html.includes(path));
        const styles = [...(viteMetadata?.importedCss ?? [])];
        return [
          ...[fileName, ...others].map((path) => link('modulepreload', path)),
          ...styles.map((path) => link('stylesheet', path)),
        ];
      },
    },
  };
}
