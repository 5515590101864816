CREATE TABLE ocrm_t_partner (
  partner_no varchar(20) PRIMARY KEY,
  display_nm varchar(120) NOT NULL
);
CREATE TABLE ocrm_t_reach (
  reach_id integer PRIMARY KEY,
  partner_no varchar(20) NOT NULL REFERENCES ocrm_t_partner (partner_no),
  kind_cd char(1) NOT NULL,
  reach_val varchar(120) NOT NULL
);
