"""Templates: from a tenant's words and an application's values to the subject, HTML and text of one mail.

`sandbox` compiles and runs what people wrote, `variables` checks values, `writing` puts both together. Whoever writes a
template is not trusted with this machine, and whoever fills in values is not trusted with the recipient's.
"""
