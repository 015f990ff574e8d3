#!/bin/bash
# The script as the article prints it, without its line numbers.
TEMP_DIR=/tmp/
LANG_SETTINGS_DIR=/root/langblock.cfg
/bin/cp -rf /etc/sysconfig/iptables.BACKUP /etc/sysconfig/iptables
/etc/rc.d/init.d/iptables restart
for lang in $(cat ${LANG_SETTINGS_DIR})
do
wget --output-document=${TEMP_DIR}${lang}.zone http://www.ipdeny.com/ipblocks/data/countries/${lang}.zone
for line in $(cat ${TEMP_DIR}${lang}.zone)
do
/sbin/iptables -I INPUT -s ${line} -i eth0 -j DROP
echo "Adding...$line from file: ${TEMP_DIR}${lang}.zone"
done
/bin/rm ${TEMP_DIR}${lang}.zone
done
exit 0
