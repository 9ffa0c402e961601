import type { ActivityEvent } from '../../api/resources';
import { format } from '../../series/unit';
import type { IconName } from '../../ui/Icon.svelte';

export type Tone = 'plain' | 'good' | 'info' | 'warning' | 'bad';

interface Kind {
  name: string;
  icon: IconName;
  tone: Tone;
}

const KINDS: Record<string, Kind> = {
  USER_LOGIN: { name: 'Login', icon: 'enter', tone: 'good' },
  USER_LOGOUT: { name: 'Logout', icon: 'leave', tone: 'plain' },
  USER_REGISTERED: { name: 'Registration', icon: 'join', tone: 'good' },
  PRODUCT_CREATED: { name: 'Product created', icon: 'product', tone: 'info' },
  PRODUCT_UPDATED: { name: 'Product updated', icon: 'product', tone: 'info' },
  PRODUCT_DELETED: { name: 'Product deleted', icon: 'product', tone: 'warning' },
  API_CALL: { name: 'API call', icon: 'call', tone: 'plain' },
  PAGE_VIEW: { name: 'Page view', icon: 'page', tone: 'plain' },
  FEATURE_USED: { name: 'Feature used', icon: 'feature', tone: 'info' },
  ERROR: { name: 'Error', icon: 'alert', tone: 'bad' },
  TASK_FAILED: { name: 'Task failed', icon: 'alert', tone: 'bad' },
};

/** The event types that have a meaning of their own. */
export const KNOWN_TYPES: readonly string[] = Object.keys(KINDS);

/** `COUPON_REDEEMED` → `Coupon redeemed`; names in other manners stay as they are. */
function inWords(type: string): string {
  if (!/^[A-Z0-9]+(_[A-Z0-9]+)*$/.test(type)) return type;
  const words = type.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const SERVER_ERROR = 500;
const CLIENT_ERROR = 400;

export function statusOf({ metadata }: ActivityEvent): number | null {
  const status = Number(metadata['status'] ?? NaN);
  return Number.isInteger(status) && status >= 100 && status <= 999 ? status : null;
}

/** How an event is named and marked; a call that the server failed at is marked as an error. */
export function kindOf(event: ActivityEvent): Kind {
  const known = KINDS[event.event_type];
  if (!known) return { name: inWords(event.event_type), icon: 'other', tone: 'plain' };
  const status = event.event_type === 'API_CALL' ? statusOf(event) : null;
  if (status === null || status < CLIENT_ERROR) return known;
  return status < SERVER_ERROR
    ? { ...known, tone: 'warning' }
    : { name: 'API call failed', icon: 'alert', tone: 'bad' };
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** What happened to what, as far as the metadata of the usual names tell. */
export function details({ metadata }: ActivityEvent): string {
  const call = [text(metadata['method']), text(metadata['endpoint'])].filter(Boolean).join(' ');
  const duration = metadata['duration_ms'];
  const parts = [
    call,
    text(metadata['status']),
    typeof duration === 'number' ? format(duration, 'ms') : '',
    text(metadata['feature']).replaceAll('_', ' '),
    text(metadata['page']),
    text(metadata['task_type']),
    text(metadata['error_message']),
    text(metadata['details']),
  ];
  return parts.filter(Boolean).join(' · ');
}

const STEPS: [limit: number, divisor: number, name: string][] = [
  [60_000, 1000, 's'],
  [3_600_000, 60_000, 'min'],
  [86_400_000, 3_600_000, 'h'],
  [Infinity, 86_400_000, 'd'],
];
const NOW_MS = 1500;

/** How long ago something happened, `now`, `12 s`, `3 min`, or when it will. */
export function ago(ms: number): string {
  const size = Math.abs(ms);
  if (size < NOW_MS) return 'now';
  const [, divisor, name] = STEPS.find(([limit]) => size < limit) ?? [0, 86_400_000, 'd'];
  return `${ms < 0 ? 'in ' : ''}${String(Math.floor(size / divisor))} ${name}`;
}

/** A command that sends some events, ready to run. */
export function curl(origin: string, key: string): string {
  return post(
    `${origin}/api/v1/ingest/events`,
    key,
    `{"events": [
        {"event_type": "USER_LOGIN", "user_id": "ada", "organization_id": "acme"},
        {"event_type": "API_CALL", "user_id": "ada", "organization_id": "acme",
         "metadata": {"endpoint": "/orders", "method": "POST", "status": 201, "duration_ms": 18.4}}]}`,
  );
}

/** A command that sends a task that has just ended, ready to run. */
export function curlTask(origin: string, key: string, nowMs: number): string {
  const [start, end] = [new Date(nowMs - 1840).toISOString(), new Date(nowMs).toISOString()];
  return post(
    `${origin}/api/v1/ingest/tasks`,
    key,
    `{"tasks": [{"task_id": "42", "task_type": "invoice", "queue": "mail", "status": "success",
                  "start_time": "${start}", "end_time": "${end}",
                  "cpu_usage_percent": 12.5, "memory_usage_mb": 64}]}`,
  );
}

function post(address: string, key: string, body: string): string {
  return [
    `curl ${address} \\`,
    `  -H 'Authorization: Bearer ${key}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${body}'`,
  ].join('\n');
}
