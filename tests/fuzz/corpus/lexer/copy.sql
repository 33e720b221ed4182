COPY s.t (a, "b;") FROM stdin WITH (FORMAT csv); -- here
1,"'
2,;
\.
SELECT 1;
