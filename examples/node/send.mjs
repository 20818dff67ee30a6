// Hands one message over by SMTP: node send.mjs you@example.org

import { readFileSync } from "node:fs";
import { createTransport } from "nodemailer";

const { MAIL_HOST, MAIL_PORT, MAIL_USER, MAIL_PASSWORD, MAIL_FROM, MAIL_CA } = process.env;

const postroom = createTransport({
  host: MAIL_HOST,
  port: Number(MAIL_PORT),
  requireTLS: true, // port 8587 begins in clear and changes to TLS; for 8465 write secure: true
  auth: { user: MAIL_USER, pass: MAIL_PASSWORD },
  tls: MAIL_CA ? { ca: readFileSync(MAIL_CA) } : {},
});

const told = await postroom.sendMail({
  from: MAIL_FROM,
  to: process.argv[2],
  subject: "Thank you for your order",
  text: "We are packing it.\n",
  html: "<p>We are <b>packing</b> it.</p>",
  attachments: [{ filename: "order.txt", content: "4711" }],
  headers: { "X-Postroom-Kind": "order" },
});
console.log(told.response);
