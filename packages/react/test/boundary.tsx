import { Component, type ReactNode } from 'react'
import { complaints } from './stage.tsx'

/** Shows the code and the message of what its children threw. React tells the console too; that is no complaint. */
export class Boundary extends Component<{ readonly children: ReactNode }, { readonly message?: string }> {
  override state: { readonly message?: string } = {}

  static getDerivedStateFromError(error: unknown): { readonly message: string } {
    if (!(error instanceof Error)) return { message: String(error) }
    return { message: 'code' in error ? `${String(error.code)}: ${error.message}` : error.message }
  }

  override componentDidCatch(): void {
    complaints.mock.calls.length = 0
  }

  override render(): ReactNode {
    return this.state.message ?? this.props.children
  }
}
