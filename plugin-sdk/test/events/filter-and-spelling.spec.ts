import { expect } from 'chai';
import { spell, type SinkEvent } from '@entrepot/plugin-sdk/events';
import { EventFilter, type EventFilterOptions } from '../../src/events/event-filter.ts';
import { denial, push } from './sample-events.ts';

describe('The filter of a sink', () => {
  function passes(event: SinkEvent, options: Partial<EventFilterOptions> = {}): boolean {
    const all: EventFilterOptions = {
      actions: ['push', 'pull', 'denial'],
      repositories: [],
      mediaTypes: [],
      pullSample: 1,
    };
    return new EventFilter({ ...all, ...options }).passes(event);
  }

  it('lets the actions pass that are wanted', () => {
    expect(passes(push('a'))).to.equal(true);
    expect(passes(push('a', { action: 'tag' }))).to.equal(false);
    expect(passes(denial)).to.equal(true);
    expect(passes(denial, { actions: ['push'] })).to.equal(false);
  });

  it('lets repositories pass by their names, and what is of none', () => {
    const repositories = ['team/*', 'base/**'];
    for (const name of ['team/app', 'base/a', 'base/a/b'])
      expect(passes(push(name), { repositories }), name).to.equal(true);
    for (const name of ['team', 'team/app/x', 'base', 'other'])
      expect(passes(push(name), { repositories }), name).to.equal(false);
    expect(passes(denial, { repositories })).to.equal(true);
  });

  it('lets media types pass', () => {
    const mediaTypes = ['application/octet-stream'];
    expect(passes(push('a'), { mediaTypes })).to.equal(false);
    const target = { mediaType: 'application/octet-stream', digest: 'sha256:00', size: 1 };
    expect(passes(push('a', { target }), { mediaTypes })).to.equal(true);
  });

  it('lets a share of pulls pass, the same ones each time, and every push', () => {
    const pulls = Array.from({ length: 1000 }, (_, index) => {
      const id = `00000000-0000-4000-8000-0000${Math.floor((index / 1000) * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0')}`;
      return push('a', { action: 'pull', id });
    });
    const passed = pulls.filter((event) => passes(event, { pullSample: 0.25 }));
    expect(passed).to.have.lengthOf(250);
    expect(pulls.filter((event) => passes(event, { pullSample: 0 }))).to.be.empty;
    expect(passes(push('a'), { pullSample: 0 })).to.equal(true);
  });
});

describe("An event in distribution's envelope", () => {
  const parsed = (event: SinkEvent, registryUrl?: string): unknown =>
    JSON.parse(spell('docker', registryUrl)(event).body);

  function targetOf(event: SinkEvent): unknown {
    const { events } = Object.assign({ events: [] as { target: object }[] }, parsed(event));
    return events[0]?.target;
  }

  it('has the fields of distribution, in an envelope with one event, indented by three spaces', () => {
    const event = push('team/app', {
      tag: 'v1',
      actor: 'alice',
      host: 'registry:5000',
      userAgent: 'docker/29',
    });
    const { body, contentType } = spell('docker')(event);
    expect(contentType).to.equal('application/vnd.docker.distribution.events.v2+json');
    expect(body.split('\n')[1]).to.equal('   "events": [');
    const { events } = Object.assign({ events: [] as { source: object }[] }, parsed(event));
    expect(events).to.have.lengthOf(1);
    expect(events[0]).to.deep.include({
      id: event.id,
      timestamp: event.time,
      action: 'push',
      target: {
        mediaType: event.target.mediaType,
        digest: event.target.digest,
        size: 500,
        length: 500,
        repository: 'team/app',
        url: `http://registry:5000/v2/team/app/manifests/${event.target.digest}`,
        tag: 'v1',
      },
      request: {
        id: 'request-1',
        addr: '192.0.2.7',
        host: 'registry:5000',
        method: 'PUT',
        useragent: 'docker/29',
      },
      actor: { name: 'alice' },
    });
    expect(events[0]?.source).to.have.all.keys('addr', 'instanceID');
  });

  it('has neither type, size nor URL of what is deleted, and of a deleted tag no digest', () => {
    const deleted = push('team/app', { action: 'delete' });
    expect(targetOf(deleted)).to.deep.equal({
      mediaType: '',
      digest: deleted.target.digest,
      size: 0,
      repository: 'team/app',
    });
    expect(targetOf({ ...deleted, tag: 'v1' })).to.deep.equal({
      mediaType: '',
      digest: '',
      size: 0,
      repository: 'team/app',
      tag: 'v1',
    });
  });

  it('says where a mounted blob comes from, and its URL where clients reach the registry', () => {
    const event = push('b', { action: 'mount', kind: 'blob', fromRepository: 'a' });
    expect(parsed(event, 'https://registry.example.com/')).to.deep.nested.include({
      'events[0].target.fromRepository': 'a',
      'events[0].target.url': `https://registry.example.com/v2/b/blobs/${event.target.digest}`,
    });
  });
});

describe('An event as a CloudEvent', () => {
  it('has the attributes of CloudEvents 1.0, and the event as it is', () => {
    const event = push('team/app', { tag: 'v1' });
    const { body, contentType } = spell('cloudevents', 'https://registry.example.com')(event);
    expect(contentType).to.equal('application/cloudevents+json; charset=UTF-8');
    expect(JSON.parse(body)).to.deep.equal({
      specversion: '1.0',
      id: event.id,
      source: 'https://registry.example.com',
      type: 'entrepot.registry.push',
      subject: 'team/app:v1',
      time: event.time,
      datacontenttype: 'application/json',
      data: event,
    });
    expect(JSON.parse(spell('cloudevents')(denial).body)).to.not.have.property('subject');
  });
});
