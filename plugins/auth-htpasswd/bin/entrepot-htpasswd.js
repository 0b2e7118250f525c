#!/usr/bin/env node
import { htpasswd } from '@entrepot/auth-htpasswd/command';

process.exitCode = await htpasswd(process.argv.slice(2));
