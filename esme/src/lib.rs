//! SMPP client: connect, TLS, bind, supervise, pool.
