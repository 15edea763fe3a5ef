-- OTC derivatives: what was traded, with whom, and how each trade changed. About 30 MB.
CREATE TABLE counterparties (
    id bigint PRIMARY KEY,
    lei char(20) NOT NULL UNIQUE,
    name text NOT NULL,
    country char(2) NOT NULL,
    rating text NOT NULL,
    onboarded date NOT NULL
);
INSERT INTO counterparties
SELECT g,
       upper(substr(md5('lei' || g), 1, 20)),
       (ARRAY['Alder','Birch','Cedar','Dover','Elgin','Forth','Grange','Hollis','Iona','Juniper','Kestrel','Lomond'])[1 + g % 12]
           || ' ' || (ARRAY['Capital','Securities','Asset Management','Bank','Insurance','Pension Fund','Treasury'])[1 + g % 7]
           || ' ' || (ARRAY['AG','SA','plc','LLC','BV','KK'])[1 + g % 6] || ' ' || g,
       (ARRAY['CH','DE','GB','US','JP','FR','NL','SG'])[1 + g % 8],
       (ARRAY['AAA','AA','A','BBB','BB'])[1 + (random() * 4)::int],
       date '2009-01-01' + (random() * 5000)::int
FROM generate_series(1, 1200) g;

CREATE TABLE instruments (
    id bigint PRIMARY KEY,
    product text NOT NULL,
    currency char(3) NOT NULL,
    tenor text NOT NULL,
    UNIQUE (product, currency, tenor)
);
INSERT INTO instruments
SELECT row_number() OVER (), p, c, t
FROM unnest(ARRAY['IRS','OIS','FRA','CDS','FX forward','FX swap','Swaption','Cap']) p,
     unnest(ARRAY['CHF','EUR','USD','GBP','JPY']) c,
     unnest(ARRAY['1M','3M','6M','1Y','2Y','5Y','10Y','30Y']) t;

CREATE TABLE trades (
    id bigint PRIMARY KEY,
    uti text NOT NULL,
    counterparty_id bigint NOT NULL,
    instrument_id bigint NOT NULL,
    traded_at timestamptz NOT NULL,
    side char(1) NOT NULL CHECK (side IN ('B', 'S')),
    notional numeric(18, 2) NOT NULL,
    rate numeric(9, 6) NOT NULL,
    status text NOT NULL,
    trader text NOT NULL
);
INSERT INTO trades
SELECT g, 'UTI-' || lpad(g::text, 9, '0'), 1 + (random() * 1199)::int, 1 + (random() * 319)::int,
       timestamptz '2025-01-06 07:00+00' + g * interval '5 min',
       CASE WHEN random() < 0.5 THEN 'B' ELSE 'S' END,
       (1 + (random() * 499)::int) * 100000, round((random() * 6)::numeric, 4),
       (ARRAY['confirmed','confirmed','confirmed','cleared','cleared','affirmed','cancelled'])[1 + (random() * 6)::int],
       (ARRAY['amoser','bkeller','cweber','dmeier','eschmid','ffrei'])[1 + (random() * 5)::int]
FROM generate_series(1, 90000) g;
CREATE INDEX trades_counterparty ON trades (counterparty_id);
CREATE INDEX trades_traded_at ON trades (traded_at);

CREATE TABLE trade_events (
    trade_id bigint NOT NULL,
    seq smallint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    note text,
    PRIMARY KEY (trade_id, seq)
);
INSERT INTO trade_events
SELECT t.id, s, t.traded_at + s * interval '17 min',
       (ARRAY['booked','affirmed','confirmed'])[s],
       CASE WHEN t.id % 211 = 0 THEN 'amended: rate' || E'\t' || 'checked by desk "Zürich"' END
FROM trades t, generate_series(1, 2) s;

CREATE TABLE collateral_calls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    counterparty_id bigint NOT NULL,
    called_on date NOT NULL,
    amount numeric(18, 2) NOT NULL,
    currency char(3) NOT NULL,
    settled boolean NOT NULL
);
INSERT INTO collateral_calls (counterparty_id, called_on, amount, currency, settled)
SELECT 1 + (random() * 1199)::int, date '2026-01-01' + g % 320, (1 + (random() * 80)::int) * 25000,
       (ARRAY['CHF','EUR','USD'])[1 + g % 3], random() < 0.97
FROM generate_series(1, 20000) g;

CREATE VIEW open_exposure AS
SELECT c.name, i.currency, sum(CASE t.side WHEN 'B' THEN t.notional ELSE -t.notional END) AS net
FROM trades t JOIN counterparties c ON c.id = t.counterparty_id JOIN instruments i ON i.id = t.instrument_id
WHERE t.status <> 'cancelled' GROUP BY c.name, i.currency;

-- Checked once, when all is there: ten times as fast as row by row.
ALTER TABLE trades ADD FOREIGN KEY (counterparty_id) REFERENCES counterparties;
ALTER TABLE trades ADD FOREIGN KEY (instrument_id) REFERENCES instruments;
ALTER TABLE trade_events ADD FOREIGN KEY (trade_id) REFERENCES trades;
ALTER TABLE collateral_calls ADD FOREIGN KEY (counterparty_id) REFERENCES counterparties;
