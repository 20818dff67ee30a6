// Hands one message over by SMTP: dotnet run you@example.org
// The certificate of Postroom has to be one that the system trusts.

using System.Net;
using System.Net.Mail;

static string Given(string name) => Environment.GetEnvironmentVariable(name) ?? throw new Exception($"{name} is not set");

using var postroom = new SmtpClient(Given("MAIL_HOST"), int.Parse(Given("MAIL_PORT")))
{
    EnableSsl = true, // begins in clear and changes to TLS: port 8587
    Credentials = new NetworkCredential(Given("MAIL_USER"), Given("MAIL_PASSWORD")),
};
using var message = new MailMessage(Given("MAIL_FROM"), args[0])
{
    Subject = "Thank you for your order",
    Body = "We are packing it.\n",
};
message.Headers.Add("X-Postroom-Kind", "order");
await postroom.SendMailAsync(message);
Console.WriteLine("Postroom has it.");
