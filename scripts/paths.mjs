import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A path from the root of the repository. */
export const at = (...parts) => join(root, ...parts)

/** A command line tool that the root package installs. */
export const tool = (name) => at('node_modules', '.bin', name)

/** What may be deleted at any time and is never committed. */
export const cache = (...parts) => at('node_modules', '.cache', 'syncline', ...parts)
