import type { AuditAction, AuditEvent, EventAction, RegistryEvent } from '../events.ts';

/** What sinks deliver. */
export type SinkEvent = RegistryEvent | AuditEvent;
export type SinkAction = EventAction | AuditAction;

export const contentActions: readonly EventAction[] = ['push', 'pull', 'mount', 'delete', 'tag'];
/** Those that change something: they can be made durable before their request is answered. */
export const changeActions: readonly EventAction[] = ['push', 'mount', 'delete', 'tag'];
export const auditActions: readonly AuditAction[] = ['login', 'denial', 'key'];
export const sinkActions: readonly SinkAction[] = [...contentActions, ...auditActions];

/** Whether the event is of a change. */
export function isChange(event: SinkEvent): boolean {
  return changeActions.some((action) => action === event.action);
}
