// What the examples in this package's docstrings may use without importing it.
import type { Store } from '@syncline/store'
import { createElement, type FunctionComponent } from 'react'
import { renderToString } from 'react-dom/server'
import { SynclineProvider } from '../src/index.ts'

/** The page that a component makes of what a store has, as a server sends it. */
export function page(store: Store, component: FunctionComponent): string {
  return renderToString(createElement(SynclineProvider, { store }, createElement(component)))
}
