package db

import (
	"fmt"
	"syscall"
)

// remoteFilesystems are the ones whose locks WAL cannot rely on (statfs(2) magic
// numbers).
var remoteFilesystems = map[uint32]string{
	0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x01021997: "9P", 0x00c36400: "Ceph", 0x5346414f: "AFS",
}

func checkLocal(dir string) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err == nil { // unknown is not remote; the settings are read back anyway
		if name, remote := remoteFilesystems[uint32(st.Type)]; remote {
			return fmt.Errorf("the data folder %s is on a network drive (%s), where SQLite cannot keep data safe; use a local folder or PostgreSQL", dir, name)
		}
	}
	return nil
}
