import { randomUUID } from 'node:crypto';
import type { SiblingAnswer } from '@entrepot/plugin-sdk';
import { messageIn, type WorkerMessage } from './worker-messages.ts';

/** How long other workers have to answer, in milliseconds. */
const PATIENCE = 1000;

/** The way of one worker to the others, by way of their primary. */
export interface SiblingChannel {
  /** The number of this worker, from 1. */
  readonly worker: number;
  /** Asks all others about something. Those that have not answered within a second are left out. */
  ask(topic: string): Promise<readonly SiblingAnswer[]>;
  /** Says what this worker answers; `undefined`: nothing. */
  answer(give: (topic: string) => Promise<string | undefined>): void;
}

interface Question {
  readonly answers: SiblingAnswer[];
  /** How many were asked; undefined until the primary has said so. */
  asked: number | undefined;
  readonly done: () => void;
}

/** Opens the channel of this process, which has to be a worker. `send` gives a message to the primary. */
export function openSiblingChannel(
  worker: number,
  {
    send,
    onMessage,
  }: {
    readonly send: (message: WorkerMessage) => void;
    readonly onMessage: (take: (message: unknown) => void) => void;
  },
): SiblingChannel {
  const questions = new Map<string, Question>();
  let give: (topic: string) => Promise<string | undefined> = async () => undefined;

  const look = (question: Question | undefined): void => {
    if (question?.asked !== undefined && question.answers.length >= question.asked) question.done();
  };
  onMessage((received) => {
    const message = messageIn(received);
    if (message?.entrepot === 'asking') {
      const question = questions.get(message.id);
      if (question !== undefined) question.asked = message.count;
      look(question);
    } else if (message?.entrepot === 'ask') {
      // Whoever cannot answer says nothing, and the others do not wait for it for ever.
      give(message.topic).then(
        (text) => {
          if (text !== undefined) send({ entrepot: 'answer', id: message.id, worker, text });
        },
        () => undefined,
      );
    } else if (message?.entrepot === 'answer') {
      const question = questions.get(message.id);
      question?.answers.push({ worker: message.worker, text: message.text });
      look(question);
    }
  });

  return {
    worker,
    answer: (answer) => {
      give = answer;
    },
    async ask(topic) {
      const id = randomUUID();
      const { promise, resolve } = Promise.withResolvers<void>();
      const question: Question = { answers: [], asked: undefined, done: resolve };
      questions.set(id, question);
      const timer = setTimeout(resolve, PATIENCE);
      send({ entrepot: 'ask', id, topic });
      await promise;
      clearTimeout(timer);
      questions.delete(id);
      return question.answers;
    },
  };
}
