import { missingOf, programsOf } from './programs.mjs'
import type { Engine, EngineName } from './engine.ts'
import { openFirefox } from './firefox.ts'
import { openWebKit } from './webkit.ts'

/** The engine that this run is for. */
export const asked: EngineName = process.env.SYNCLINE_ENGINE === 'webkit' ? 'webkit' : 'firefox'

/** Starts an engine. Rejects when it is not installed. */
export async function openNamed(name: EngineName): Promise<Engine> {
  const missing = missingOf(name)
  if (missing.length > 0) throw new Error(`${name} cannot be started without ${missing.join(', ')}.`)
  // All of them are there.
  const programs = programsOf(name) as Readonly<Record<string, string>>
  if (name === 'firefox') return openFirefox(programs['Firefox']!)
  return openWebKit({
    driver: programs['WebKitWebDriver']!,
    browser: programs['MiniBrowser']!,
    screen: programs['Xvfb']!,
  })
}
