import { missingOf, programsOf } from './programs.mjs'
import type { Engine, EngineName, LastingEngine } from './engine.ts'
import { openFirefox } from './firefox.ts'
import { openWebKit, type WebKitPrograms } from './webkit.ts'
import { openWebKitOnDisk, type WebKitOnDisk } from './webkit-on-disk.ts'

/** The engine that this run is for. */
export const asked: EngineName = process.env.SYNCLINE_ENGINE === 'webkit' ? 'webkit' : 'firefox'

/** Starts an engine. Rejects when it is not installed. */
export async function openNamed(name: EngineName): Promise<Engine> {
  return name === 'firefox' ? openFirefox(firefoxProgram()) : openWebKit(webKitPrograms())
}

/** Starts it on a profile that is on the disk. */
export async function openOnDisk(name: EngineName): Promise<LastingEngine> {
  return name === 'firefox' ? openFirefox(firefoxProgram()) : openUndrivenWebKit()
}

/** WebKit on the disk. */
export function openUndrivenWebKit(): Promise<WebKitOnDisk> {
  return openWebKitOnDisk(webKitPrograms())
}

function firefoxProgram(): string {
  return allOf('firefox')['Firefox']!
}

function webKitPrograms(): WebKitPrograms {
  const programs = allOf('webkit')
  return { driver: programs['WebKitWebDriver']!, browser: programs['MiniBrowser']!, screen: programs['Xvfb']! }
}

function allOf(name: EngineName): Readonly<Record<string, string>> {
  const missing = missingOf(name)
  if (missing.length > 0) throw new Error(`${name} cannot be started without ${missing.join(', ')}.`)
  // All of them are there.
  return programsOf(name) as Readonly<Record<string, string>>
}
