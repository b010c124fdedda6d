FIRENET.CH
// ===BEGIN ICANN DOMAINS===
com
uk
co.uk	trailing
ck
*.ck
!www.ck
*.firenet.ch
*.svc.firenet.ch
// ===BEGIN PRIVATE DOMAINS===
github.io
